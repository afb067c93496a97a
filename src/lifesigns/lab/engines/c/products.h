/* Products of small matrices whose right factor and result have padded rows of one length. */

/* The left factor: element (r, k) stands at `at[r * row + k * column]`. */
struct left {
    const real *at;
    size row, column;
};

/* A tile of the result, kept in registers: `rows` rows of `wide` vectors. */
static inline __attribute__((always_inline)) void tile(
    int rows, int wide, struct left a, const real *b, size stride, size depth, const real *start,
    real *c) {
    vec sum[ROWS][2];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < wide; v++) sum[r][v] = start ? ((const vec *)start)[v] : all(0);
    for (size k = 0; k < depth; k++) {
        const vec *right = (const vec *)(b + k * stride);
        for (int r = 0; r < rows; r++) {
            real factor = a.at[r * a.row + k * a.column];
            for (int v = 0; v < wide; v++) sum[r][v] += factor * right[v];
        }
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < wide; v++) ((vec *)(c + r * stride))[v] = sum[r][v];
}

/* All rows of `wide` vectors. */
static inline __attribute__((always_inline)) void column(
    int wide, size rows, struct left a, const real *b, size stride, size depth, const real *start,
    real *c) {
    for (; rows >= ROWS; rows -= ROWS) {
        tile(ROWS, wide, a, b, stride, depth, start, c);
        a.at += ROWS * a.row;
        c += ROWS * stride;
    }
    switch (rows) {
#define REST(n) \
    case n: \
        if (n < ROWS) tile(n, wide, a, b, stride, depth, start, c); \
        break;
        REST(1) REST(2) REST(3) REST(4) REST(5) REST(6) REST(7)
#undef REST
    }
}

/* c = a b, each row on top of `start` if that is given. */
static void product(size rows, struct left a, const real *b, size stride, size depth,
                    const real *start, real *c) {
    size j = 0;
    for (; j + 2 * (size)LANES <= stride; j += 2 * LANES)
        column(2, rows, a, b + j, stride, depth, start ? start + j : NULL, c + j);
    if (j < stride) column(1, rows, a, b + j, stride, depth, start ? start + j : NULL, c + j);
}

/* Four rows at a time: their places fit into registers. */
static __attribute__((noinline)) void transpose(
    const real *restrict from, size rows, size columns, size stride, real *restrict to, size wide) {
    size i = 0;
    for (; i + 4 <= rows; i += 4)
        for (size j = 0; j < columns; j++)
            for (size k = i; k < i + 4; k++) to[j * wide + k] = from[k * stride + j];
    for (; i < rows; i++)
        for (size j = 0; j < columns; j++) to[j * wide + i] = from[i * stride + j];
}
