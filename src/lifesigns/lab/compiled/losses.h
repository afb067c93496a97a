/* Losses of one output and its target, and their gradients. The names are those of nets.LOSSES;
   cross_entropy, which looks at all outputs of a sample, is in perceptrons.c. */

#define LOSSES(X) \
    X(binary_cross_entropy) X(squared_error) X(absolute_error) X(huber) X(hinge)

static inline vec loss_binary_cross_entropy(vec z, vec y, vec *gradient) {
    *gradient = logistic(z) - y;
    return positive(z) - z * y + log_of_one_and(exponential(-magnitude(z), 0));
}

static inline vec loss_squared_error(vec a, vec y, vec *gradient) {
    vec rest = a - y;
    *gradient = 2 * rest;
    return rest * rest;
}

static inline vec loss_absolute_error(vec a, vec y, vec *gradient) {
    vec rest = a - y;
    *gradient = choose(rest > 0, all(1), choose(rest < 0, all(-1), rest));
    return magnitude(rest);
}

static inline vec loss_huber(vec a, vec y, vec *gradient) {
    vec rest = a - y, near = choose(rest > 1, all(1), choose(rest < -1, all(-1), rest));
    *gradient = near;
    return near * (rest - near / 2);
}

static inline vec loss_hinge(vec z, vec y, vec *gradient) {
    vec side = 2 * y - 1, margin = 1 - side * z;
    *gradient = choose(margin > 0, -side, all(0));
    return positive(margin);
}
