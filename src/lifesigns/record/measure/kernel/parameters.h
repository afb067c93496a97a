/* What is read of parameters of REAL values; included once for float and double. */

/* Sums of a row, several side by side: one addition need not wait for another. */
struct NAME(row) {
    double total[SPREAD], sizes[SPREAD], squared[SPREAD], projected;
};

static inline __attribute__((always_inline))
void NAME(add_run)(struct NAME(row) *restrict row, const REAL *restrict x, int n,
                   const double *restrict weights, double direction, int signs) {
    double part[SPREAD] = {0};
    int k = 0;
    for (; k + SPREAD <= n; k += SPREAD)
#pragma omp simd
        for (int j = 0; j < SPREAD; j++) {
            double value = x[k + j];
            if (signs) row->total[j] += value, row->sizes[j] += fabs(value);
            row->squared[j] += value * value, part[j] += value * weights[k + j];
        }
    for (int j = 0; k < n; j++, k++) {
        double value = x[k];
        if (signs) row->total[j] += value, row->sizes[j] += fabs(value);
        row->squared[j] += value * value, part[j] += value * weights[k];
    }
    double projected = 0;
    for (int j = 0; j < SPREAD; j++) projected += part[j];
    row->projected += projected * direction;
}

static inline __attribute__((always_inline))
void NAME(measure_rows)(const struct matrix *matrix, int signs) {
    REAL room[LANES];
    double weights[LANES], squares = 0, coherences = 0, coherent = 0;
    for (int k = 0; k < LANES; k++) weights[k] = direction(k);
    for (int64_t at = 0; at < matrix->rows; at++) {
        struct NAME(row) row = {0};
        for (int64_t i = 0; i < matrix->width; i += LANES) {
            int n = smaller(matrix->width - i, LANES);
            const REAL *x = NAME(run)(matrix->values, matrix->dtype,
                                      at * matrix->row_stride + i * matrix->stride,
                                      matrix->stride, n, room);
            NAME(add_run)(&row, x, n, weights, direction(i), signs);
        }
        double total = 0, sizes = 0;
        for (int j = 0; j < SPREAD; j++)
            squares += row.squared[j], total += row.total[j], sizes += row.sizes[j];
        matrix->projections[at] = row.projected;
        if (sizes > 0 && sizes < INFINITY) coherences += fabs(total) / sizes, coherent++;
    }
    matrix->found[0] = sqrt(squares);
    if (matrix->tolerance == matrix->tolerance)
        matrix->found[1] = distinct(matrix->projections, matrix->rows, matrix->tolerance);
    matrix->found[2] = coherences / coherent;
}

static void NAME(keep_sample)(const struct matrix *matrix) {
    REAL room[LANES], *sample = matrix->sample;
    int64_t apart = matrix->apart, count = (matrix->rows * matrix->width + apart - 1) / apart;
    for (int64_t i = 0; i < count; i += LANES) {
        int n = smaller(count - i, LANES);
        const REAL *x = NAME(run)(matrix->values, matrix->dtype, i * apart, apart, n, room);
        memcpy(sample + i, x, n * sizeof *sample);
    }
}

static void NAME(measure)(const struct matrix *matrix) {
    if (matrix->signs)
        NAME(measure_rows)(matrix, 1);
    else
        NAME(measure_rows)(matrix, 0);
    if (matrix->sample != NULL) NAME(keep_sample)(matrix);
}

static void NAME(compare)(const struct step *step) {
    REAL room[LANES];
    const REAL *before = step->before, *gradient = step->gradient;
    double squared = 0, product = 0, wanted = 0, lost = 0;
    for (int64_t i = 0; i < step->size; i += LANES) {
        int n = smaller(step->size - i, LANES);
        const REAL *x = NAME(run)(step->after, step->dtype, i * step->stride, step->stride, n, room);
        if (gradient == NULL) {
#pragma omp simd reduction(+ : squared)
            for (int k = 0; k < n; k++) {
                double change = (double)x[k] - before[i + k];
                squared += change * change;
            }
            continue;
        }
#pragma omp simd reduction(+ : squared, product, wanted, lost)
        for (int k = 0; k < n; k++) {
            double change = (double)x[k] - before[i + k], slope = gradient[i + k];
            squared += change * change, product += change * slope;
            wanted += slope != 0, lost += (slope != 0) & (change == 0);
        }
    }
    step->found[0] = sqrt(squared);
    step->found[1] = product;
    step->found[2] = lost / wanted;
}
