/* The sums of a tensor over everything but its units, in one pass over its values.

   Runs of values are added to as many lanes side by side, which a compiler makes vectors of; what
   the lanes hold is folded into the units at the end. All sums are in double: no digit of a float32
   is lost. What is not finite is counted, and left out of everything else. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 128, SPREAD = 16 }; /* values of a run; sums of it side by side */
enum dtype { FLOAT32, FLOAT64, FLOAT16, BFLOAT16 };
enum criterion { NOWHERE, ZERO, MARKED, LESSENED }; /* what counts as saturated */
enum sum { TOTAL, SQUARED, MINIMUM, MAXIMUM, COUNT, ACTIVE, SATURATED, NONFINITE, SUMS };

/* A tensor of outer × units × inner values. */
struct job {
    const void *values, *other; /* other: a byte for each value if MARKED; what arrived if LESSENED */
    double *found;              /* [SUMS, units] */
    int64_t dtype, criterion;
    int64_t outer, units, inner;
    int64_t outer_stride, unit_stride, inner_stride; /* in values, of both tensors */
    double slope;                                    /* LESSENED: |value| < slope |what arrived| */
};

/* A parameter or its gradient, as rows × width values. */
struct matrix {
    const void *values;
    void *sample;        /* where every `apart`-th value goes, widened to REAL; or NULL */
    double *found;       /* [norm, rows that differ, mean coherence of signs in a row] */
    double *projections; /* room for one number of each row */
    int64_t dtype, rows, width, row_stride, stride;
    int64_t apart;       /* only of values that lie side by side */
    int64_t signs;       /* whether coherence is asked for */
    double tolerance; /* rows differ if their projections do by more than this share of the largest */
};

/* A parameter before and after a step. */
struct step {
    const void *after, *before, *gradient; /* the latter two side by side; the gradient or NULL */
    double *found; /* [norm, product with the gradient, share of it that changed nothing] */
    int64_t dtype, size, stride;
};

static int64_t smaller(int64_t one, int64_t other) { return one < other ? one : other; }

static float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float from_bfloat16(uint16_t bits) { return from_bits((uint32_t)bits << 16); }

/* The product moves the exponent, of subnormal numbers too; all ones stay infinity or NaN. */
static float from_float16(uint16_t bits) {
    uint32_t size = bits & 0x7fff, top = size < 0x7c00 ? 0 : 0x7f800000, wide;
    float value = from_bits(size << 13) * 0x1p112f;
    memcpy(&wide, &value, sizeof wide);
    return from_bits(wide | top | (uint32_t)(bits & 0x8000) << 16);
}

/* Between 1 and 2, and different for each number: multiples of the golden ratio never meet. */
static double direction(int64_t number) {
    double at = (double)number * 0.6180339887;
    return 1 + at - floor(at);
}

static int by_size(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* How many numbers differ by more than a share of the largest; -1 if some are not finite. */
static double distinct(double *numbers, int64_t count, double tolerance) {
    for (int64_t i = 0; i < count; i++)
        if (numbers[i] - numbers[i] != 0) return -1;
    qsort(numbers, count, sizeof *numbers, by_size);
    double gap = tolerance * fmax(fabs(numbers[0]), fabs(numbers[count - 1]));
    int64_t found = 1;
    for (int64_t i = 1; i < count; i++) found += numbers[i] - numbers[i - 1] > gap;
    return found;
}

#define REAL float
#define WHOLE int32_t
#define NAME(name) name##_float
#include "lanes.h"
#include "parameters.h"
#undef REAL
#undef WHOLE
#undef NAME

#define REAL double
#define WHOLE int64_t
#define NAME(name) name##_double
#include "lanes.h"
#include "parameters.h"

/* How many values are not finite. */
int64_t reduce(const struct job *job) {
    int64_t units = job->units, nonfinite = 0;
    double *found = job->found;
    memset(found, 0, SUMS * units * sizeof *found);
    for (int64_t u = 0; u < units; u++) {
        found[MINIMUM * units + u] = INFINITY;
        found[MAXIMUM * units + u] = -INFINITY;
    }
    if (job->dtype == FLOAT64)
        reduce_double(job);
    else
        reduce_float(job);
    for (int64_t u = 0; u < units; u++) {
        nonfinite += found[NONFINITE * units + u];
        double count = job->outer * job->inner - found[NONFINITE * units + u];
        found[COUNT * units + u] = count;
        if (job->criterion == ZERO) found[SATURATED * units + u] = count - found[ACTIVE * units + u];
    }
    return nonfinite;
}

void measure(const struct matrix *table, int64_t count) {
    for (const struct matrix *matrix = table; matrix < table + count; matrix++)
        if (matrix->dtype == FLOAT64)
            measure_double(matrix);
        else
            measure_float(matrix);
}

void compare(const struct step *table, int64_t count) {
    for (const struct step *step = table; step < table + count; step++)
        if (step->dtype == FLOAT64)
            compare_double(step);
        else
            compare_float(step);
}
