/* The sums of a tensor over everything but its units, in one pass over its values.

   Runs of values are added to as many lanes side by side, which a compiler makes vectors of; what
   the lanes hold is folded into the units at the end. All sums are in double: no digit of a float32
   is lost. What is not finite is counted, and left out of everything else. */

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 128 };
enum dtype { FLOAT32, FLOAT64, FLOAT16, BFLOAT16 };
enum criterion { NOWHERE, MARKED, LESSENED }; /* what counts as saturated */
enum sum { TOTAL, SQUARED, MINIMUM, MAXIMUM, ACTIVE, SATURATED, NONFINITE };

/* A tensor of outer × units × inner values. */
struct job {
    const void *values, *other; /* other: a byte for each value if MARKED; what arrived if LESSENED */
    double *found;              /* [7, units], in the order of `enum sum` */
    int64_t dtype, criterion;
    int64_t outer, units, inner;
    int64_t outer_stride, unit_stride, inner_stride; /* in values, of both tensors */
    double slope;                                    /* LESSENED: |value| < slope |what arrived| */
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

#define REAL float
#define WHOLE int32_t
#define NAME(name) name##_float
#include "lanes.h"
#undef REAL
#undef WHOLE
#undef NAME

#define REAL double
#define WHOLE int64_t
#define NAME(name) name##_double
#include "lanes.h"

void reduce(const struct job *job) {
    double *found = job->found;
    memset(found, 0, 7 * job->units * sizeof *found);
    for (int64_t u = 0; u < job->units; u++) {
        found[MINIMUM * job->units + u] = INFINITY;
        found[MAXIMUM * job->units + u] = -INFINITY;
    }
    if (job->dtype == FLOAT64)
        reduce_double(job);
    else
        reduce_float(job);
}
