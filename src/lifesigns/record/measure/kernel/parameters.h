/* What is read of parameters of REAL values; included once for float and double. */

static void NAME(measure)(const struct matrix *matrix) {
    REAL room[LANES];
    double weights[LANES], squares = 0, coherences = 0, coherent = 0;
    for (int k = 0; k < LANES; k++) weights[k] = direction(k);
    for (int64_t row = 0; row < matrix->rows; row++) {
        double total = 0, sizes = 0, squared = 0, projected = 0;
        for (int64_t i = 0; i < matrix->width; i += LANES) {
            int n = smaller(matrix->width - i, LANES);
            double part = 0;
            const REAL *x = NAME(run)(matrix->values, matrix->dtype,
                                      row * matrix->row_stride + i * matrix->stride,
                                      matrix->stride, n, room);
#pragma omp simd reduction(+ : total, sizes, squared, part)
            for (int k = 0; k < n; k++) {
                double value = x[k];
                total += value, sizes += fabs(value), squared += value * value;
                part += value * weights[k];
            }
            projected += part * direction(i);
        }
        matrix->projections[row] = projected;
        squares += squared;
        if (sizes > 0 && sizes < INFINITY) coherences += fabs(total) / sizes, coherent++;
    }
    matrix->found[0] = sqrt(squares);
    if (matrix->tolerance == matrix->tolerance)
        matrix->found[1] = distinct(matrix->projections, matrix->rows, matrix->tolerance);
    matrix->found[2] = coherences / coherent;
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
