/* activations.inc.h - the functions that the table of activations.h uses, for activations.c
 * (processor) and cuda/act.h (GPU). These files first define number, a type; INLINE, in front of a
 * function; exp_of(u), tanh_of(u), floor_of(u), softplus(u) = ln(1 + e^u); and C(x), a constant. */
INLINE number square(number u) { return u * u; }
/* Returns min(max(u, 0), 6). */
INLINE number cut(number u) { return u < 0 ? 0 : u > 6 ? 6 : u; }
INLINE number sigmoid(number u) { return 1 / (1 + exp_of(-u)); }
INLINE number sigmoid_grad(number u) {
    const number s = sigmoid(u);
    return s * (1 - s);
}
INLINE number swish_grad(number u) {
    const number s = sigmoid(u);
    return s + u * s * (1 - s);
}
INLINE number mish_grad(number u) {
    const number t = tanh_of(softplus(u));
    return t + u * (1 - t * t) * sigmoid(u);
}

INLINE bool is_odd(number whole) { return whole - 2 * floor_of(whole / 2) != 0; }
/* Returns n for 2n <= u < 2n + 1. From u = 2n + 1 to 2n + 2 the result rises linearly to n + 1. */
INLINE number stair(number u) {
    const number n = floor_of(u), half = floor_of(u / 2);
    return is_odd(n) ? u - n + half : half;
}
