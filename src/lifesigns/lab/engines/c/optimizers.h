/* Optimizers: one step of `count` parameters, with the rules and constants of torch.optim.

   To add one, write its function and put its name on the list. */

#define OPTIMIZERS(X) X(sgd) X(rmsprop) X(adam) X(adamw)

struct settings {
    double rate, momentum, decay;
    size step; /* counted from 1 */
};

struct parameters {
    size count;
    real *restrict values;
    const real *restrict gradient;
    real *restrict mean, *restrict square; /* zeros at first */
};

static void optimizer_sgd(struct parameters p, struct settings s) {
    real rate = s.rate, momentum = s.momentum, decay = s.decay;
    for (size i = 0; i < p.count; i++) {
        p.mean[i] = p.mean[i] * momentum + (p.gradient[i] + decay * p.values[i]);
        p.values[i] -= rate * p.mean[i];
    }
}

static void optimizer_rmsprop(struct parameters p, struct settings s) {
    real rate = s.rate, momentum = s.momentum, decay = s.decay;
    for (size i = 0; i < p.count; i++) {
        real g = p.gradient[i] + decay * p.values[i];
        p.square[i] = p.square[i] * (real)0.99 + g * g * (real)(1 - 0.99);
        p.mean[i] = p.mean[i] * momentum + g / (root(p.square[i]) + (real)1e-8);
        p.values[i] -= rate * p.mean[i];
    }
}

static inline void adam(struct parameters p, struct settings s, real decay, real kept) {
    real size_ = s.rate / (1 - pow(0.9, s.step)), width = sqrt(1 - pow(0.999, s.step));
    for (size i = 0; i < p.count; i++) {
        real value = p.values[i] * kept, g = p.gradient[i] + decay * p.values[i];
        p.mean[i] += (g - p.mean[i]) * (real)(1 - 0.9);
        p.square[i] = p.square[i] * (real)0.999 + g * g * (real)(1 - 0.999);
        p.values[i] = value - size_ * p.mean[i] / (root(p.square[i]) / width + (real)1e-8);
    }
}

static void optimizer_adam(struct parameters p, struct settings s) { adam(p, s, s.decay, 1); }

static void optimizer_adamw(struct parameters p, struct settings s) {
    adam(p, s, 0, 1 - s.rate * s.decay);
}

#define VALUE(name) OPTIMIZER_##name,
enum optimizer { OPTIMIZERS(VALUE) };
#undef VALUE

#define EACH(name) \
    case OPTIMIZER_##name: \
        optimizer_##name(parameters, settings); \
        break;

static void update(enum optimizer kind, struct parameters parameters, struct settings settings) {
    switch (kind) { OPTIMIZERS(EACH) }
}
#undef EACH
