2 compress unpack net.packed
