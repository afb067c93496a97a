/* Trains perceptrons of one structure, one member after the other, for some batches of an epoch.

   It does what ../perceptrons.py, ../heads.py and ../steppers.py do with torch's operations, and
   their numbers are the ones it is held against. What one member needs stays in the processor's
   cache from step to step, and no call is paid for but one for all members and batches.
   building.py compiles this file on the machine where it runs, with REAL float or double.

   Values stand as [sample, unit] and weights as [input, output] with the bias as last row, in rows
   that zeros fill up to whole vectors. The gradient at a filling is zero, so it stays zero. */

#include <stdlib.h>
#include <string.h>

#include "vectors.h"

#include "activations.h"
#include "losses.h"
#include "optimizers.h"
#include "products.h"

/* What can be asked for, by position: names for training.py, values for here. */
#define NAME(name) #name,
#define ACTIVATION(name) ACTIVATION_##name,
#define LOSS(name) LOSS_##name,
#define OPTIMIZER(name) OPTIMIZER_##name,
const char *const activations[] = {ACTIVATIONS(NAME) "maxout", NULL};
const char *const losses[] = {LOSSES(NAME) "cross_entropy", NULL};
const char *const optimizers[] = {OPTIMIZERS(NAME) NULL};
enum activation { ACTIVATIONS(ACTIVATION) ACTIVATION_maxout };
enum loss { LOSSES(LOSS) LOSS_cross_entropy };
enum optimizer { OPTIMIZERS(OPTIMIZER) };

enum { PIECES = 2 }; /* linear maps of a maxout unit */

/* The same structure as in training.py. K members, N samples, L layers. */
struct request {
    size members, samples, layers, batch_size;
    size first, last;               /* batches of the epoch: from, and up to but not including */
    size done;                      /* steps done before */
    size hidden, output;            /* activations */
    size loss, optimizer;
    const size *inputs, *outputs;   /* [L]: of the linear maps */
    const real *x;                  /* [N, I] */
    const void *y;                  /* size [N] for cross_entropy, else real [N, O] */
    const size *order;              /* [K, N] */
    const double *rate, *momentum, *decay;   /* [K] */
    real *const *values, *const *mean, *const *square;   /* [L] times [K, inputs + 1, outputs] */
    real *losses;                   /* [last - first, K] */
    double *gradient_norm;          /* [K], of the last step */
};

struct layer {
    enum activation activation;
    size inputs, outputs, units;    /* units: outputs, or of maxout the groups of them */
    size in, out, unit;             /* the same as lengths of filled rows */
    struct parameters parameters;   /* [inputs + 1, out] */
    real *gradient;                 /* the same memory as parameters.gradient */
    real *transposed;               /* [outputs, in] */
    real *x, *a;                    /* [batch, in], [batch, unit]: values, then the gradient at them */
    real *z;                        /* [batch, out]: values, then slopes, then the gradient */
};

/* ---------------------------------------------------------------------------------- activation */

#define EACH(name) \
    case ACTIVATION_##name: \
        for (size i = 0; i < count; i++) a[i] = activation_##name(z[i], &z[i]); \
        break;

static void elementwise(enum activation kind, size count, vec *z, vec *a) {
    switch (kind) {
        ACTIVATIONS(EACH)
    case ACTIVATION_maxout:
        break;
    }
}
#undef EACH

/* The slope of a piece is 1 where it is the largest; pieces that are equal share it. */
static void maxout(struct layer *l, size batch) {
    for (size b = 0; b < batch; b++) {
        real *z = l->z + b * l->out, *a = l->a + b * l->unit;
        for (size u = 0; u < l->units; u++, z += PIECES) {
            real one = z[0], other = z[1];
            a[u] = one >= other || isnan(one) ? one : other;
            z[0] = one > other ? 1 : one < other ? 0 : (real)0.5;
            z[1] = 1 - z[0];
        }
    }
}

static void forward(struct layer *l, size batch) {
    struct left x = {l->x, l->in, 1};
    const real *bias = l->parameters.values + l->inputs * l->out;
    product(batch, x, l->parameters.values, l->out, l->inputs, bias, l->z);
    if (l->activation == ACTIVATION_maxout)
        maxout(l, batch);
    else
        elementwise(l->activation, batch * l->out / LANES, (vec *)l->z, (vec *)l->a);
}

/* z becomes the gradient at the preactivation, from that at a. */
static void through_activation(struct layer *l, size batch) {
    if (l->activation != ACTIVATION_maxout) {
        vec *z = (vec *)l->z, *a = (vec *)l->a;
        for (size i = 0; i < batch * l->out / (size)LANES; i++) z[i] *= a[i];
        return;
    }
    for (size b = 0; b < batch; b++)
        for (size o = 0; o < l->outputs; o++)
            l->z[b * l->out + o] *= l->a[b * l->unit + o / PIECES];
}

static void at_parameters(struct layer *l, size batch) {
    struct left x = {l->x, 1, l->in};
    product(l->inputs, x, l->z, l->out, batch, NULL, l->gradient);
    vec *bias = (vec *)(l->gradient + l->inputs * l->out), *z = (vec *)l->z;
    memset(bias, 0, l->out * sizeof(real));
    for (size b = 0; b < batch; b++)
        for (size v = 0; v < l->out / (size)LANES; v++) bias[v] += *z++;
}

static void at_inputs(struct layer *l, size batch) {
    struct left z = {l->z, l->out, 1};
    transpose(l->parameters.values, l->inputs, l->outputs, l->out, l->transposed, l->in);
    product(batch, z, l->transposed, l->in, l->outputs, NULL, l->x);
}

/* ---------------------------------------------------------------------------------------- loss */

/* Means over the batch; the gradient takes the logits' place. */
static double cross_entropy(struct layer *l, size batch, const size *labels) {
    double total = 0;
    for (size b = 0; b < batch; b++) {
        real *z = l->a + b * l->unit, top = z[0], sum = 0;
        for (size o = 1; o < l->units; o++) top = z[o] < top ? top : z[o];
        total -= z[labels[b]] - top;
        for (size o = 0; o < l->unit; o += LANES)
            *(vec *)(z + o) = exponential(*(vec *)(z + o) - top, 0);
        for (size o = 0; o < l->units; o++) sum += z[o];
        total += log(sum);
        for (size o = 0; o < l->unit; o++) z[o] = o < l->units ? z[o] / sum / batch : 0;
        z[labels[b]] -= (real)1 / batch;
    }
    return total / batch;
}

#define EACH(name) \
    case LOSS_##name: \
        for (size i = 0; i < count; i++) { \
            sum += loss_##name(a[i], y[i], &gradient) * inside[i % width]; \
            a[i] = gradient * inside[i % width] / share; \
        } \
        break;

/* Means over batch and outputs; the gradient takes the outputs' place. */
static double of_each_output(enum loss kind, struct layer *l, size batch, const vec *y,
                             const vec *inside) {
    size width = l->unit / LANES, count = batch * width;
    real share = batch * l->units;
    vec sum = all(0), gradient, *a = (vec *)l->a;
    switch (kind) {
        LOSSES(EACH)
    case LOSS_cross_entropy:
        break;
    }
    double total = 0;
    for (int i = 0; i < (int)LANES; i++) total += sum[i];
    return total / share;
}
#undef EACH

/* -------------------------------------------------------------------------------------- member */

struct workspace {
    struct layer *layers;
    size *labels;        /* [batch] */
    real *targets;       /* [batch, unit] of the last layer */
    real *inside;        /* [unit] of the last layer: 1, and 0 in the filling */
};

static void gather(const struct request *r, struct workspace *w, const size *rows, size batch) {
    struct layer *first = w->layers, *last = w->layers + r->layers - 1;
    for (size b = 0; b < batch; b++) {
        memcpy(first->x + b * first->in, r->x + rows[b] * first->inputs,
               first->inputs * sizeof(real));
        if (r->loss == LOSS_cross_entropy)
            w->labels[b] = ((const size *)r->y)[rows[b]];
        else
            memcpy(w->targets + b * last->unit, (const real *)r->y + rows[b] * last->units,
                   last->units * sizeof(real));
    }
}

static double losses_and_gradients(const struct request *r, struct workspace *w, size batch) {
    struct layer *layers = w->layers, *last = layers + r->layers - 1;
    for (struct layer *l = layers; l <= last; l++) forward(l, batch);
    double loss = r->loss == LOSS_cross_entropy
                      ? cross_entropy(last, batch, w->labels)
                      : of_each_output(r->loss, last, batch, (vec *)w->targets, (vec *)w->inside);
    for (struct layer *l = last; l >= layers; l--) {
        through_activation(l, batch);
        at_parameters(l, batch);
        if (l > layers) at_inputs(l, batch);
    }
    return loss;
}

#define EACH(name) \
    case OPTIMIZER_##name: \
        optimizer_##name(parameters, settings); \
        break;

static void update(enum optimizer kind, struct parameters parameters, struct settings settings) {
    switch (kind) { OPTIMIZERS(EACH) }
}
#undef EACH

static double norm(const struct workspace *w, size layers) {
    double sum = 0;
    for (struct layer *l = w->layers; l < w->layers + layers; l++)
        for (size i = 0; i < l->parameters.count; i++)
            sum += (double)l->gradient[i] * (double)l->gradient[i];
    return sqrt(sum);
}

static void train_member(const struct request *r, struct workspace *w, size member) {
    struct settings settings = {r->rate[member], r->momentum[member], r->decay[member], r->done};
    for (size number = r->first; number < r->last; number++) {
        size start = number * r->batch_size, left = r->samples - start;
        size batch = left < r->batch_size ? left : r->batch_size;
        gather(r, w, r->order + member * r->samples + start, batch);
        double loss = losses_and_gradients(r, w, batch);
        r->losses[(number - r->first) * r->members + member] = loss;
        if (number + 1 == r->last) r->gradient_norm[member] = norm(w, r->layers);
        settings.step++;
        for (struct layer *l = w->layers; l < w->layers + r->layers; l++)
            update(r->optimizer, l->parameters, settings);
    }
}

/* ----------------------------------------------------------------------------------- workspace */

/* Takes zeros out of an arena; with none, counts what it would take. */
struct arena {
    char *start;
    size used;
};

static void *take(struct arena *arena, size count, size bytes) {
    void *found = arena->start ? arena->start + arena->used : NULL;
    arena->used += (count * bytes + LINE - 1) / LINE * LINE;
    return found;
}

static size filled(size width) { return (width + LANES - 1) / LANES * LANES; }

static struct workspace lay_out(const struct request *r, struct arena *arena) {
    struct workspace w = {take(arena, r->layers, sizeof(struct layer)), NULL, NULL, NULL};
    size batch = r->batch_size, unit = 0;
    real *x = take(arena, batch * filled(r->inputs[0]), sizeof(real));
    for (size index = 0; index < r->layers; index++) {
        struct layer l = {.activation = index + 1 < r->layers ? r->hidden : r->output};
        l.inputs = r->inputs[index], l.in = filled(l.inputs);
        l.outputs = r->outputs[index], l.out = filled(l.outputs);
        l.units = l.activation == ACTIVATION_maxout ? l.outputs / PIECES : l.outputs;
        l.unit = unit = filled(l.units);
        size count = (l.inputs + 1) * l.out;
        l.gradient = take(arena, count, sizeof(real));
        l.parameters = (struct parameters){
            count, take(arena, count, sizeof(real)), l.gradient,
            take(arena, count, sizeof(real)), take(arena, count, sizeof(real))};
        l.transposed = take(arena, l.outputs * l.in, sizeof(real));
        l.z = take(arena, batch * l.out, sizeof(real));
        l.x = x;
        l.a = x = take(arena, batch * l.unit, sizeof(real));
        if (arena->start) w.layers[index] = l;
    }
    w.labels = take(arena, batch, sizeof(size));
    w.targets = take(arena, batch * unit, sizeof(real));
    w.inside = take(arena, unit, sizeof(real));
    return w;
}

/* Copies rows of `width` from dense memory to filled rows, and back. */
static void fill(size rows, size width, size stride, const real *dense, real *padded) {
    for (size row = 0; row < rows; row++, dense += width, padded += stride) {
        memcpy(padded, dense, width * sizeof(real));
        memset(padded + width, 0, (stride - width) * sizeof(real));
    }
}

static void empty(size rows, size width, size stride, const real *padded, real *dense) {
    for (size row = 0; row < rows; row++, dense += width, padded += stride)
        memcpy(dense, padded, width * sizeof(real));
}

enum direction { IN, OUT };

static void copy_state(const struct request *r, struct workspace *w, size member,
                       enum direction direction) {
    for (size index = 0; index < r->layers; index++) {
        struct layer *l = w->layers + index;
        size rows = l->inputs + 1, start = member * rows * l->outputs;
        real *inside[] = {l->parameters.values, l->parameters.mean, l->parameters.square};
        real *outside[] = {r->values[index], r->mean[index], r->square[index]};
        for (int i = 0; i < 3; i++)
            if (direction == IN)
                fill(rows, l->outputs, l->out, outside[i] + start, inside[i]);
            else
                empty(rows, l->outputs, l->out, inside[i], outside[i] + start);
    }
}

/* Does what is asked for; returns 0, or 1 if there is no memory for it. */
int train(const struct request *r) {
    struct arena arena = {NULL, 0};
    lay_out(r, &arena);
    arena.start = aligned_alloc(LINE, arena.used);
    if (!arena.start) return 1;
    memset(arena.start, 0, arena.used);
    char *memory = arena.start;
    arena.used = 0;
    struct workspace w = lay_out(r, &arena);
    for (size o = 0; o < w.layers[r->layers - 1].units; o++) w.inside[o] = 1;
    for (size member = 0; member < r->members; member++) {
        copy_state(r, &w, member, IN);
        train_member(r, &w, member);
        copy_state(r, &w, member, OUT);
    }
    free(memory);
    return 0;
}
