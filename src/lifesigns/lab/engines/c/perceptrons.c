/* Trains perceptrons of one structure, and examines them, one member after the other.

   It does what ../perceptrons.py, ../heads.py and ../steppers.py do with torch's operations, and
   their numbers are the ones it is held against. What one member needs stays in the processor's
   cache from step to step, and no call is paid for but one for all members and batches.
   building.py compiles this file on the machine where it runs, with REAL float or double. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

#include "activations.h"
#include "losses.h"
#include "optimizers.h"
#include "products.h"

#include "layers.h"

/* What can be asked for, by its position. */
#define NAME(name) #name,
const char *const activations[] = {FOR_EACH_ACTIVATION(NAME) "maxout", NULL};
const char *const losses[] = {LOSSES(NAME) "cross_entropy", NULL};
const char *const optimizers[] = {OPTIMIZERS(NAME) NULL};

/* What is asked for: the structure of trainer.py. K members, N samples, L layers. */
struct request {
    size members, samples, layers, batch_size;
    size first, last;                      /* batches of the epoch: from, up to but not including */
    size done;                             /* steps done before */
    size hidden, output, loss, optimizer;  /* positions; the first two are activations */
    const size *inputs, *outputs;          /* [L]: of the linear maps */
    const real *x;                         /* [N, I] */
    const void *y;                         /* size [N] for cross_entropy, else real [N, O] */
    const size *order;                     /* [K, N]: the samples as each member takes them; to
                                              examine, [N] for all */
    const double *rate, *momentum, *decay; /* [K] */
    real *const *values, *const *mean, *const *square; /* [L] times [K, inputs + 1, outputs] */
    real *losses;                          /* [last - first, K] */
    double *gradient_norm;                 /* [K], of the last step */
    double flat;                           /* a slope below this is saturated */
    struct examination *found;             /* [K] */
};

struct examination {
    double loss;       /* mean */
    double right;      /* samples whose largest output is that of their class */
    double squares;    /* of outputs minus targets, summed; 0 for cross_entropy */
    double dead;       /* share of hidden units whose slope is 0 on every sample */
    double saturated;  /* share of hidden values with a flat slope */
};

/* What one member needs, of at most batch_size samples. */
struct workspace {
    struct layer *layers, *last;
    size *labels;   /* [batch] */
    real *targets;  /* [batch, unit] of the last layer */
    real *inside;   /* [unit] of the last layer: 1, and 0 in the filling */
};

/* ------------------------------------------------------------------------------------ training */

static void gather(const struct request *r, struct workspace *w, const size *rows, size batch) {
    struct layer *first = w->layers, *last = w->last;
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

/* The mean loss of a batch whose outputs are there; their gradient takes their place. */
static double loss_of(const struct request *r, struct workspace *w, size batch) {
    struct layer *l = w->last;
    size wide = l->unit / LANES;
    vec *a = (vec *)l->a, *inside = (vec *)w->inside;
    if (r->loss == LOSS_cross_entropy) return cross_entropy(batch, wide, a, w->labels, inside);
    return of_outputs(r->loss, batch, l->units, wide, a, (vec *)w->targets, inside);
}

static void backward(struct workspace *w, size batch) {
    for (struct layer *l = w->last; l >= w->layers; l--) {
        through_activation(l, batch);
        at_parameters(l, batch);
        if (l > w->layers) at_inputs(l, batch);
    }
}

static double norm(const struct workspace *w) {
    double sum = 0;
    for (struct layer *l = w->layers; l <= w->last; l++)
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
        for (struct layer *l = w->layers; l <= w->last; l++) forward(l, batch);
        r->losses[(number - r->first) * r->members + member] = loss_of(r, w, batch);
        backward(w, batch);
        if (number + 1 == r->last) r->gradient_norm[member] = norm(w);
        settings.step++;
        for (struct layer *l = w->layers; l <= w->last; l++)
            update(r->optimizer, l->parameters, settings);
    }
}

/* ----------------------------------------------------------------------------------- examining */

static size largest(const real *row, size width) {
    size found = 0;
    for (size i = 1; i < width; i++)
        if (row[i] > row[found]) found = i;
    return found;
}

static void examine_outputs(const struct request *r, struct workspace *w, size batch,
                            struct examination *found) {
    struct layer *l = w->last;
    for (size b = 0; b < batch; b++) {
        const real *a = l->a + b * l->unit, *y = w->targets + b * l->unit;
        int classes = r->loss == LOSS_cross_entropy;
        found->right += largest(a, l->units) == (classes ? w->labels[b] : largest(y, l->units));
        for (size o = 0; !classes && o < l->units; o++)
            found->squares += ((double)a[o] - y[o]) * ((double)a[o] - y[o]);
    }
    found->loss += loss_of(r, w, batch) * batch / r->samples;
}

static void examine_slopes(struct layer *l, size batch, real flat, struct examination *found) {
    for (size b = 0; b < batch; b++) {
        const real *slope = l->z + b * l->out;
        int saturated = 0;
        for (size o = 0; o < l->outputs; o++) {
            real steep = slope[o] < 0 ? -slope[o] : slope[o];
            saturated += steep < flat;
            l->steepest[o] = steep > l->steepest[o] ? steep : l->steepest[o];
        }
        found->saturated += saturated;
    }
}

static void examine_member(const struct request *r, struct workspace *w, size member) {
    struct examination found = {0, 0, 0, 0, 0};
    for (struct layer *l = w->layers; l < w->last; l++)
        memset(l->steepest, 0, l->out * sizeof(real));
    for (size start = 0; start < r->samples; start += r->batch_size) {
        size left = r->samples - start, batch = left < r->batch_size ? left : r->batch_size;
        gather(r, w, r->order + start, batch);
        for (struct layer *l = w->layers; l <= w->last; l++) forward(l, batch);
        for (struct layer *l = w->layers; l < w->last; l++) examine_slopes(l, batch, r->flat, &found);
        examine_outputs(r, w, batch, &found);
    }
    size units = 0;
    for (struct layer *l = w->layers; l < w->last; units += l->outputs, l++)
        for (size o = 0; o < l->outputs; o++) found.dead += l->steepest[o] == 0;
    found.dead /= units;
    found.saturated /= units * r->samples;
    r->found[member] = found;
}

/* --------------------------------------------------------------------------------- each member */

/* Hands out parts of zeroed memory; without any, counts what it would hand out. */
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

static struct layer new_layer(const struct request *r, size index, real *x, struct arena *arena) {
    struct layer l = {.activation = index + 1 < r->layers ? r->hidden : r->output, .x = x};
    l.inputs = r->inputs[index], l.in = filled(l.inputs);
    l.outputs = r->outputs[index], l.out = filled(l.outputs);
    l.units = l.activation == ACTIVATION_maxout ? l.outputs / PIECES : l.outputs;
    l.unit = filled(l.units);
    size count = (l.inputs + 1) * l.out;
    l.gradient = take(arena, count, sizeof(real));
    l.parameters.count = count;
    l.parameters.gradient = l.gradient;
    l.parameters.values = take(arena, count, sizeof(real));
    l.parameters.mean = take(arena, count, sizeof(real));
    l.parameters.square = take(arena, count, sizeof(real));
    l.transposed = take(arena, l.outputs * l.in, sizeof(real));
    l.z = take(arena, r->batch_size * l.out, sizeof(real));
    l.a = take(arena, r->batch_size * l.unit, sizeof(real));
    l.steepest = take(arena, l.out, sizeof(real));
    return l;
}

static struct workspace new_workspace(const struct request *r, struct arena *arena) {
    struct workspace w = {.layers = take(arena, r->layers, sizeof(struct layer))};
    struct layer l = {.a = take(arena, r->batch_size * filled(r->inputs[0]), sizeof(real))};
    for (size index = 0; index < r->layers; index++) {
        l = new_layer(r, index, l.a, arena);
        if (arena->start) w.layers[index] = l;
    }
    w.labels = take(arena, r->batch_size, sizeof(size));
    w.targets = take(arena, r->batch_size * l.unit, sizeof(real));
    w.inside = take(arena, l.unit, sizeof(real));
    if (arena->start) {
        w.last = w.layers + r->layers - 1;
        for (size o = 0; o < l.units; o++) w.inside[o] = 1;
    }
    return w;
}

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

typedef void work(const struct request *, struct workspace *, size member);

/* Returns 0, or 1 if there is no memory for one member. */
static int for_each_member(const struct request *r, work *work_on) {
    struct arena arena = {NULL, 0};
    new_workspace(r, &arena);
    char *memory = aligned_alloc(LINE, arena.used);
    if (!memory) return 1;
    memset(memory, 0, arena.used);
    arena = (struct arena){memory, 0};
    struct workspace w = new_workspace(r, &arena);
    for (size member = 0; member < r->members; member++) {
        copy_state(r, &w, member, IN);
        work_on(r, &w, member);
        copy_state(r, &w, member, OUT);
    }
    free(memory);
    return 0;
}

int train(const struct request *r) { return for_each_member(r, train_member); }
int examine(const struct request *r) { return for_each_member(r, examine_member); }
