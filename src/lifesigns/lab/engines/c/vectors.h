/* Vectors of REAL as wide as the processor's, and functions of them that compilers do not bring.

   No function here, or in a file that includes this one, relies on finite values: a NaN stays. */

typedef REAL real;
typedef int64_t size;
enum { DOUBLE = sizeof(real) == 8, LINE = 64 };

#if defined __AVX512F__
enum { VECTOR = 64, ROWS = 8 }; /* bytes of a vector; rows of a tile that stays in registers */
#elif defined __AVX__
enum { VECTOR = 32, ROWS = 6 };
#else
enum { VECTOR = 16, ROWS = 4 };
#endif
enum { LANES = VECTOR / sizeof(real) };

#define PASTE(one, other) one##other
#define WHOLE(type) PASTE(whole_as_, type)
typedef int32_t whole_as_float;
typedef int64_t whole_as_double;
typedef real vec __attribute__((vector_size(VECTOR)));
typedef WHOLE(REAL) mask __attribute__((vector_size(VECTOR)));

static inline vec all(real value) { return (vec){0} + value; }
static inline vec choose(mask where, vec yes, vec no) {
    return (vec)((where & (mask)yes) | (~where & (mask)no));
}
static inline vec positive(vec x) { return choose(x < 0, all(0), x); }
static inline vec magnitude(vec x) { return choose(x < 0, -x, x); }

/* The sum, or the maximum, of all lanes, halving the vector in each turn. */
static inline real sum_of(vec x) {
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) x[i] += x[i + half];
    return x[0];
}
static inline real maximum_of(vec x) {
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) x[i] = x[i] < x[i + half] ? x[i + half] : x[i];
    return x[0];
}

/* exp(x), or exp(x) - 1, for x <= 0: x = n ln 2 + r, where |r| <= ln 2 / 2, and r by its series. */
static inline vec exponential(vec x, int minus_one) {
    const real least = DOUBLE ? -708 : -87, shift = DOUBLE ? 0x1.8p52 : 0x1.8p23;
    const real high = DOUBLE ? 0x1.62e42feep-1 : 0x1.62e4p-1;
    const real low = DOUBLE ? 0x1.a39ef35793c76p-33 : 0x1.7f7d1cf79abcap-20;
    const int terms = DOUBLE ? 13 : 7, digits = DOUBLE ? 52 : 23, bias = DOUBLE ? 1023 : 127;
    x = choose(x < least, all(least), x);
    vec shifted = x * (real)M_LOG2E + shift, n = shifted - shift;
    vec r = x - n * high - n * low, series = all(1);
    for (int k = terms; k > 1; k--) series = series * r * (real)(1.0 / k) + 1;
    vec power = (vec)(((mask)shifted - (mask)all(shift) + bias) << digits);
    return power * (series * r) + (minus_one ? power - 1 : power);
}

/* log(1 + e) for 0 <= e <= 1, as 2 artanh(e / (2 + e)) by its series. */
static inline vec log_of_one_and(vec e) {
    vec s = e / (e + 2), squared = s * s, series = all(0);
    for (int k = DOUBLE ? 17 : 7; k >= 0; k--) series = series * squared + (real)(1.0 / (2 * k + 1));
    return 2 * s * series;
}

static inline vec logistic(vec x) {
    vec e = exponential(-magnitude(x), 0);
    return choose(x < 0, e, all(1)) / (1 + e);
}

/* The share of a standard normal distribution above x >= 0, given exp(-x² / 2): half erfc(x / √2),
   as exp(-x² / 2) times a Chebyshev series in 4 / (2 + x / √2) - 1. The coefficients are those of
   exp(z²) erfc(z), computed with 40 digits. */
static inline vec normal_tail(vec x, vec density) {
    static const double series[] = {
        7.547521992517189323e-01, 4.825091196506807191e-01, 1.223245953309770439e-01,
        1.783114971927679258e-02, 3.211736524943983436e-04, -3.503952564796156804e-04,
        -2.243880650620326008e-05, 1.053743311933560636e-05, 5.671331132647552649e-07,
        -4.297681576665876316e-07, 5.104952512865140810e-09, 1.889969931817960588e-08,
        -2.242755529856192936e-09, -6.855254370550184577e-10, 2.148795952573399342e-10,
        5.515409718485673966e-12, -1.347749504806345293e-11, 2.086389467210599718e-12,
        4.481881445148597111e-13, -2.268417577787565220e-13, 1.850586751974842750e-14,
        1.150961139754772175e-14, -4.009890147071249797e-15, 1.398284570577713177e-16,
        2.635380772175243845e-16, -7.953987696969458124e-17,
    };
    vec t = 4 / (2 + x * (real)M_SQRT1_2) - 1, next = all(0), last = all(0);
    for (int k = DOUBLE ? 25 : 12; k > 0; k--) {
        vec here = 2 * t * next - last + (real)series[k];
        last = next, next = here;
    }
    return density * (t * next - last + (real)(series[0] / 2)) / 2;
}

static inline real root(real x) { return DOUBLE ? (real)sqrt((double)x) : (real)sqrtf((float)x); }
