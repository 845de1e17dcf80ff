2 classifier train faces.data net.cfg -thread 2
