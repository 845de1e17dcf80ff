2 compress pack net.cfg net.weights
