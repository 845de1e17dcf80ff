2 compress
