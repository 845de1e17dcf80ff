1 check missing.cfg
