/* Lanes of REAL values, and how a tensor is laid over them; included once for float and double. */

struct NAME(lanes) {
    double total[LANES], squared[LANES];
    REAL low[LANES], high[LANES];
    WHOLE active[LANES], saturated[LANES], nonfinite[LANES];
};

static void NAME(clear)(struct NAME(lanes) * lanes) {
    memset(lanes, 0, sizeof *lanes);
    for (int i = 0; i < LANES; i++) lanes->low[i] = INFINITY, lanes->high[i] = -INFINITY;
}

/* Folds a lane into a unit. */
static void NAME(fold)(const struct NAME(lanes) * lanes, int lane, const struct job *job,
                       int64_t unit) {
    double *found = job->found + unit;
    int64_t units = job->units;
    found[TOTAL * units] += lanes->total[lane];
    found[SQUARED * units] += lanes->squared[lane];
    double low = lanes->low[lane], high = lanes->high[lane];
    if (low < found[MINIMUM * units]) found[MINIMUM * units] = low;
    if (high > found[MAXIMUM * units]) found[MAXIMUM * units] = high;
    found[ACTIVE * units] += lanes->active[lane];
    found[SATURATED * units] += lanes->saturated[lane];
    found[NONFINITE * units] += lanes->nonfinite[lane];
}

/* Where a run of n values starts: in the tensor, if they lie there side by side; else in `room`. */
static inline const REAL *NAME(run)(const void *tensor, int64_t dtype, int64_t at,
                                    int64_t stride, int n, REAL *restrict room) {
    const uint16_t *halves = (const uint16_t *)tensor + at;
    const REAL *values = (const REAL *)tensor + at;
    if (dtype == FLOAT16)
        for (int i = 0; i < n; i++) room[i] = from_float16(halves[i * stride]);
    else if (dtype == BFLOAT16)
        for (int i = 0; i < n; i++) room[i] = from_bfloat16(halves[i * stride]);
    else if (stride == 1)
        return values;
    else
        for (int i = 0; i < n; i++) room[i] = values[i * stride];
    return room;
}

static inline void NAME(add)(struct NAME(lanes) *restrict lanes, const REAL *restrict x, int n) {
    for (int i = 0; i < n; i++) {
        WHOLE finite = x[i] - x[i] == 0;
        REAL value = finite ? x[i] : 0;
        REAL least = finite ? x[i] : INFINITY, most = finite ? x[i] : -INFINITY;
        lanes->total[i] += value;
        lanes->squared[i] += (double)value * value;
        lanes->low[i] = least < lanes->low[i] ? least : lanes->low[i];
        lanes->high[i] = most > lanes->high[i] ? most : lanes->high[i];
        lanes->active[i] += value != 0;
        lanes->nonfinite[i] += 1 - finite;
    }
}

static inline void NAME(add_lessened)(struct NAME(lanes) *restrict lanes, const REAL *restrict x,
                                      const REAL *restrict arrived, REAL slope, int n) {
    for (int i = 0; i < n; i++) {
        REAL bound = slope * (arrived[i] < 0 ? -arrived[i] : arrived[i]);
        REAL size = x[i] < 0 ? -x[i] : x[i];
        lanes->saturated[i] += (size < bound) & (arrived[i] != 0);
    }
}

static inline void NAME(add_marked)(struct NAME(lanes) *restrict lanes, const REAL *restrict x,
                                    const uint8_t *marks, int64_t stride, int n) {
    for (int i = 0; i < n; i++) lanes->saturated[i] += (marks[i * stride] != 0) & (x[i] - x[i] == 0);
}

/* Adds n values, a stride apart, to the first n lanes. */
__attribute__((noinline))
static void NAME(take)(struct NAME(lanes) *restrict lanes, const struct job *job, int64_t at,
                              int64_t stride, int n) {
    REAL room[LANES], more[LANES];
    const REAL *x = NAME(run)(job->values, job->dtype, at, stride, n, room);
    if (n == LANES)
        NAME(add)(lanes, x, LANES);
    else
        NAME(add)(lanes, x, n);
    if (job->criterion == LESSENED)
        NAME(add_lessened)(lanes, x, NAME(run)(job->other, job->dtype, at, stride, n, more), job->slope, n);
    if (job->criterion == MARKED)
        NAME(add_marked)(lanes, x, (const uint8_t *)job->other + at, stride, n);
}

/* Lanes along the values of one unit after the other. */
static void NAME(along)(const struct job *job) {
    struct NAME(lanes) lanes;
    int used = smaller(job->inner, LANES);
    for (int64_t unit = 0; unit < job->units; unit++) {
        NAME(clear)(&lanes);
        for (int64_t row = 0; row < job->outer; row++)
            for (int64_t i = 0; i < job->inner; i += LANES)
                NAME(take)(&lanes, job,
                           unit * job->unit_stride + row * job->outer_stride + i * job->inner_stride,
                           job->inner_stride, smaller(job->inner - i, LANES));
        for (int lane = 0; lane < used; lane++) NAME(fold)(&lanes, lane, job, unit);
    }
}

/* Lanes across units, and across several rows of them where those are short and adjoin. */
static void NAME(across)(const struct job *job, int64_t stride) {
    struct NAME(lanes) lanes;
    int64_t row = job->units * job->inner, all = job->outer * row;
    int64_t rows = job->outer_stride == row * stride && row < LANES ? LANES / row : 1;
    int64_t width = smaller(rows * row, all), step = rows * job->outer_stride;
    for (int64_t first = 0; first < width; first += LANES) {
        int used = smaller(width - first, LANES);
        NAME(clear)(&lanes);
        for (int64_t i = first, at = first * stride; i < all; i += width, at += step)
            NAME(take)(&lanes, job, at, stride, smaller(all - i, used));
        for (int lane = 0; lane < used; lane++)
            NAME(fold)(&lanes, lane, job, (first + lane) / job->inner % job->units);
    }
}

static void NAME(reduce)(const struct job *job) {
    int64_t stride = job->inner == 1 ? job->unit_stride : job->inner_stride;
    int adjoin = job->inner == 1 || job->unit_stride == job->inner * stride;
    if (adjoin && job->inner < LANES / 2)
        NAME(across)(job, stride);
    else
        NAME(along)(job);
}
