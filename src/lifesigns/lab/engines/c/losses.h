/* Losses of one output and its target, and their gradients. The names are those of nets.LOSSES.

   To add one, write its function and put its name on the list. cross_entropy, which looks at all
   outputs of a sample, stands by itself at the end. */

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

/* ------------------------------------------------------------------------------- of many values */

#define VALUE(name) LOSS_##name,
enum loss { LOSSES(VALUE) LOSS_cross_entropy };
#undef VALUE

#define EACH(name) \
    case LOSS_##name: \
        for (size i = 0; i < batch * wide; i++) { \
            sum += loss_##name(a[i], y[i], &gradient) * inside[i % wide]; \
            a[i] = gradient * inside[i % wide] / share; \
        } \
        break;

/* The mean over batch and outputs; the gradient takes the outputs' place. Rows have `wide` vectors,
   and `inside` is 1, or 0 where a row is filled up. */
static double of_outputs(enum loss kind, size batch, size outputs, size wide, vec *a, const vec *y,
                         const vec *inside) {
    real share = batch * outputs;
    vec sum = all(0), gradient;
    switch (kind) {
        LOSSES(EACH)
    case LOSS_cross_entropy:
        break;
    }
    return (double)sum_of(sum) / share;
}
#undef EACH

/* The mean over the batch; the gradient takes the logits' place. Rows as in `of_outputs`. */
static double cross_entropy(size batch, size wide, vec *z, const size *labels, const vec *inside) {
    double total = 0;
    for (size b = 0; b < batch; b++, z += wide) {
        real *logits = (real *)z, logit = logits[labels[b]];
        vec highest = all(-INFINITY), sums = all(0);
        for (size v = 0; v < wide; v++)
            highest = choose((z[v] > highest) & (inside[v] > 0), z[v], highest);
        real top = maximum_of(highest);
        for (size v = 0; v < wide; v++) {
            z[v] = choose(inside[v] > 0, exponential(z[v] - top, 0), all(0));
            sums += z[v];
        }
        real sum = sum_of(sums), share = 1 / (sum * batch);
        for (size v = 0; v < wide; v++) z[v] *= share;
        logits[labels[b]] -= (real)1 / batch;
        total += log(sum) - (logit - top);
    }
    return total / batch;
}
