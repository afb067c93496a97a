/* Activations: f(z), and f'(z) into `slope`. The names are those of nets.mlp.ACTIVATION_MODULES.

   To add one, write its function and put its name on the list. maxout, whose units have several
   preactivations, stands by itself at the end. */

#define FOR_EACH_ACTIVATION(X) \
    X(identity) X(relu) X(relu6) X(leaky_relu) X(squared_relu) X(elu) X(celu) X(selu) \
    X(sigmoid) X(tanh) X(hardtanh) X(softsign) X(softplus) X(gelu) X(silu) \
    X(hardswish) X(mish)

static inline vec line(vec z, vec *slope, real low, real high) { /* z, cut at both ends */
    *slope = choose((z > low) & (z < high), all(1), all(0));
    return choose(z < low, all(low), choose(z > high, all(high), z));
}

static inline vec activation_identity(vec z, vec *slope) {
    *slope = all(1);
    return z;
}

/* ReLU and its relatives */

static inline vec activation_relu(vec z, vec *slope) {
    *slope = choose(z > 0, all(1), all(0));
    return positive(z);
}

static inline vec activation_relu6(vec z, vec *slope) { return line(z, slope, 0, 6); }

static inline vec activation_leaky_relu(vec z, vec *slope) {
    *slope = choose(z > 0, all(1), all((real)0.01));
    return z * *slope;
}

static inline vec activation_squared_relu(vec z, vec *slope) {
    vec above = positive(z);
    *slope = 2 * above;
    return above * above;
}

static inline vec scaled_elu(vec z, vec *slope, double scale, double alpha) {
    vec below = exponential(choose(z > 0, all(0), z), 1) * (real)(scale * alpha);
    *slope = choose(z > 0, all((real)scale), below + (real)(scale * alpha));
    return choose(z > 0, z * (real)scale, below);
}

static inline vec activation_elu(vec z, vec *slope) { return scaled_elu(z, slope, 1, 1); }
static inline vec activation_celu(vec z, vec *slope) { return scaled_elu(z, slope, 1, 1); }
static inline vec activation_selu(vec z, vec *slope) { /* constants: Klambauer et al. 2017 */
    return scaled_elu(z, slope, 1.0507009873554805, 1.6732632423543772);
}

/* Squashing */

static inline vec activation_sigmoid(vec z, vec *slope) {
    vec a = logistic(z);
    *slope = a * (1 - a);
    return a;
}

static inline vec activation_tanh(vec z, vec *slope) {
    vec e = exponential(-2 * magnitude(z), 1), size = -e / (e + 2);
    *slope = 1 - size * size;
    return choose(z < 0, -size, size);
}

static inline vec activation_hardtanh(vec z, vec *slope) { return line(z, slope, -1, 1); }

static inline vec activation_softsign(vec z, vec *slope) {
    vec below = 1 / (1 + magnitude(z));
    *slope = below * below;
    return z * below;
}

/* Smooth */

static inline vec activation_softplus(vec z, vec *slope) { /* linear above 20, as torch's */
    vec rest = log_of_one_and(exponential(-magnitude(z), 0));
    *slope = choose(z > 20, all(1), logistic(z));
    return positive(z) + choose(z > 20, all(0), rest);
}

static inline vec activation_gelu(vec z, vec *slope) {
    vec density = exponential(-z * z / 2, 0), above = normal_tail(magnitude(z), density);
    vec share = choose(z < 0, above, 1 - above);
    *slope = share + z * density * (real)(M_2_SQRTPI * M_SQRT1_2 / 2);
    return z * share;
}

static inline vec activation_silu(vec z, vec *slope) {
    vec s = logistic(z);
    *slope = s * (1 + z * (1 - s));
    return z * s;
}

static inline vec activation_hardswish(vec z, vec *slope) {
    vec gate = line(z / 6 + (real)0.5, slope, 0, 1);
    *slope = gate + z * *slope / 6;
    return z * gate;
}

static inline vec activation_mish(vec z, vec *slope) { /* tanh(softplus(z)) as a ratio */
    vec e = exponential(-magnitude(z), 0);
    vec above = choose(z < 0, e * (e + 2), 1 + 2 * e), rest = choose(z < 0, all(2), 2 * e * e);
    vec gate = above / (above + rest);
    *slope = gate + z * (1 - gate * gate) * logistic(z);
    return z * gate;
}

/* ------------------------------------------------------------------------------- of many values */

enum { PIECES = 2 }; /* linear maps of a maxout unit */

#define VALUE(name) ACTIVATION_##name,
enum activation { FOR_EACH_ACTIVATION(VALUE) ACTIVATION_maxout };
#undef VALUE

#define EACH(name) \
    case ACTIVATION_##name: \
        for (size i = 0; i < count; i++) a[i] = activation_##name(z[i], &z[i]); \
        break;

/* a = f(z), and the slopes take the place of z. */
static void activate(enum activation kind, size count, vec *z, vec *a) {
    switch (kind) {
        FOR_EACH_ACTIVATION(EACH)
    case ACTIVATION_maxout:
        break;
    }
}
#undef EACH

/* The slope of a piece is 1 where it is the largest; pieces that are equal share it. */
static void maxout(size units, real *z, real *a) {
    for (size u = 0; u < units; u++, z += PIECES) {
        real one = z[0], other = z[1];
        a[u] = one >= other || isnan(one) ? one : other;
        z[0] = one > other ? 1 : one < other ? 0 : (real)0.5;
        z[1] = 1 - z[0];
    }
}
