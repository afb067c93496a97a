/* One layer on one batch: a linear map and its activation, forward and backward.

   Values stand as [sample, unit] and weights as [input, output] with the bias as last row, in rows
   that zeros fill up to whole vectors. The gradient at a filling is zero, so it stays zero. */

struct layer {
    enum activation activation;
    size inputs, outputs, units;  /* units: outputs, or of maxout the groups of them */
    size in, out, unit;           /* the same as lengths of filled rows */
    struct parameters parameters; /* [inputs + 1, out] */
    real *gradient;               /* the same memory as parameters.gradient */
    real *transposed;             /* [outputs, in]: the weights */
    real *x, *a;                  /* [batch, in], [batch, unit]: values, then the gradient at them */
    real *z;                      /* [batch, out]: values, then slopes, then the gradient */
    real *steepest;               /* [out]: the largest slope of each unit, when examined */
};

static void forward(struct layer *l, size batch) {
    struct left x = {l->x, l->in, 1};
    const real *bias = l->parameters.values + l->inputs * l->out;
    product(batch, x, l->parameters.values, l->out, l->inputs, bias, l->z);
    if (l->activation != ACTIVATION_maxout)
        activate(l->activation, batch * l->out / LANES, (vec *)l->z, (vec *)l->a);
    else
        for (size b = 0; b < batch; b++) maxout(l->units, l->z + b * l->out, l->a + b * l->unit);
}

/* The gradient at z, from that at a. */
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
