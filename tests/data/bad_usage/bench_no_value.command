2 bench net.cfg -runs
