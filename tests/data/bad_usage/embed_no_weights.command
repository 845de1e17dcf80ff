2 embed net.cfg
