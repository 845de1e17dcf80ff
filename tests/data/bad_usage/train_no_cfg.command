2 classifier train faces.data
