/* A stack machine, as pickle is one (PEP 307, PEP 3154; Lib/pickletools.py names the opcodes). */
#include "data/binset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

typedef enum { MARK, BYTES, TEXT, TRUTH, LIST, PAIR } kind;

typedef struct {
    kind is;
    size_t a, b; /* BYTES, TEXT: from, length; TRUTH: 0 or 1; LIST: which; PAIR: two lists */
} value;

typedef struct {
    value *v;
    size_t n, room;
} values;

enum { LISTS = 2, MOST = 1 << 24 };

typedef struct {
    dnx_loc at;
    const unsigned char *p;
    size_t n, i, op; /* op: where the opcode is */
    values stack, memo, list[LISTS];
    size_t lists;
} machine;

static dnx_status bad(const machine *m, const char *why, dnx_err *err) {
    return dnx_fail(err, DNX_EPARSE, m->at, "byte %zu: %s", m->op, why);
}

static dnx_status push(const machine *m, values *s, value v, dnx_err *err) {
    if (s->n == MOST) return bad(m, "more than 16777216 values", err);
    if (s->n == s->room) {
        size_t room = s->room ? 2 * s->room : 256;
        value *more = realloc(s->v, room * sizeof *more);
        if (!more) return dnx_fail(err, DNX_EMEM, m->at, "no memory for the set");
        s->v = more;
        s->room = room;
    }
    s->v[s->n++] = v;
    return DNX_OK;
}

/* A little-endian number of the next `size` bytes. */
static dnx_status number(machine *m, size_t size, size_t *v, dnx_err *err) {
    *v = 0;
    if (m->n - m->i < size) return bad(m, "the file is cut short", err);
    for (size_t k = 0; k < size; k++) *v |= (size_t)m->p[m->i + k] << 8 * k;
    m->i += size;
    return DNX_OK;
}

static dnx_status push_run(machine *m, kind is, size_t size_bytes, dnx_err *err) {
    size_t n;
    dnx_status st = number(m, size_bytes, &n, err);
    if (st) return st;
    if (n > m->n - m->i) return bad(m, "the file is cut short, or a length in it is wrong", err);
    st = push(m, &m->stack, (value){is, m->i, n}, err);
    m->i += n;
    return st;
}

static dnx_status push_list(machine *m, dnx_err *err) {
    if (m->lists == LISTS) return bad(m, "a third list", err);
    return push(m, &m->stack, (value){LIST, m->lists++, 0}, err);
}

/* Writers count up, from 0 or (Python 2) from 1; more would be a trap for memory. */
static dnx_status keep(machine *m, size_t index, dnx_err *err) {
    if (!m->stack.n || index > m->memo.n + 1) return bad(m, "a memo that does not count up", err);
    value v = m->stack.v[m->stack.n - 1];
    dnx_status st = DNX_OK;
    while (!st && m->memo.n <= index) st = push(m, &m->memo, v, err);
    if (!st) m->memo.v[index] = v;
    return st;
}

static dnx_status recall(machine *m, size_t index, dnx_err *err) {
    if (index >= m->memo.n) return bad(m, "recalls what was never kept", err);
    return push(m, &m->stack, m->memo.v[index], err);
}

/* The values from `first` on go into the list before them; `under`: it lies under a mark. */
static dnx_status append(machine *m, size_t first, bool under, dnx_err *err) {
    size_t list = first - under - 1;
    if (first < (under ? 2u : 1u) || m->stack.v[list].is != LIST)
        return bad(m, "appends to what is no list", err);
    values *to = &m->list[m->stack.v[list].a];
    dnx_status st = DNX_OK;
    for (size_t k = first; !st && k < m->stack.n; k++) {
        value v = m->stack.v[k];
        st = v.is == BYTES || v.is == TRUTH ? push(m, to, v, err)
                                            : bad(m, "neither an image nor a truth value in a list",
                                                  err);
    }
    m->stack.n = list + 1;
    return st;
}

static dnx_status append_marked(machine *m, dnx_err *err) {
    size_t mark = m->stack.n;
    while (mark > 0 && m->stack.v[mark - 1].is != MARK) mark--;
    if (!mark) return bad(m, "no mark", err);
    return append(m, mark, true, err);
}

static dnx_status pair(machine *m, dnx_err *err) {
    if (m->stack.n < 2) return bad(m, "a tuple that has not two lists", err);
    value *v = m->stack.v + m->stack.n - 2;
    if (v[0].is != LIST || v[1].is != LIST) return bad(m, "a tuple that has not two lists", err);
    *v = (value){PAIR, v[0].a, v[1].a};
    m->stack.n--;
    return DNX_OK;
}

static dnx_status refuse(const machine *m, unsigned char op, dnx_err *err) {
    if (op && strchr("cRoibPQ\x81\x82\x83\x84\x92\x93", op))
        return bad(m, "names a class or a function: refused, a set has none", err);
    return dnx_fail(err, DNX_EPARSE, m->at,
                    "byte %zu: opcode 0x%02x, which no verification set has", m->op, op);
}

static dnx_status step(machine *m, unsigned char op, dnx_err *err) {
    size_t n;
    dnx_status st = DNX_OK;
    switch (op) {
    case 0x95: return number(m, 8, &n, err); /* FRAME: only for reading ahead */
    case 'C': case 'U': return push_run(m, BYTES, 1, err); /* U, T: str of Python 2 */
    case 'B': case 'T': return push_run(m, BYTES, 4, err);
    case 0x8e: return push_run(m, BYTES, 8, err);
    case 0x8c: return push_run(m, TEXT, 1, err);
    case 'X': return push_run(m, TEXT, 4, err);
    case 0x88: case 0x89: return push(m, &m->stack, (value){TRUTH, op == 0x88, 0}, err);
    case 'K':
        st = number(m, 1, &n, err);
        if (!st && n > 1) st = bad(m, "a number that is neither 0 nor 1", err);
        return st ? st : push(m, &m->stack, (value){TRUTH, n, 0}, err);
    case ']': return push_list(m, err);
    case '(': return push(m, &m->stack, (value){MARK, 0, 0}, err);
    case 'a':
        if (m->stack.n < 2) return bad(m, "appends to what is no list", err);
        return append(m, m->stack.n - 1, false, err);
    case 'e': return append_marked(m, err);
    case 0x86: return pair(m, err);
    case 0x94: return keep(m, m->memo.n, err);
    case 'q': case 'r':
        st = number(m, op == 'q' ? 1 : 4, &n, err);
        return st ? st : keep(m, n, err);
    case 'h': case 'j':
        st = number(m, op == 'h' ? 1 : 4, &n, err);
        return st ? st : recall(m, n, err);
    default: return refuse(m, op, err);
    }
}

static dnx_status run(machine *m, dnx_err *err) {
    dnx_status st = DNX_OK;
    if (m->n < 2 || m->p[0] != 0x80)
        return dnx_fail(err, DNX_EPARSE, m->at, "no verification set: it does not begin as a "
                        "binary pickle");
    if (m->p[1] < 2 || m->p[1] > 5)
        return dnx_fail(err, DNX_EPARSE, m->at, "pickle protocol %d: 2 to 5 are read", m->p[1]);
    for (m->i = 2; !st;) {
        m->op = m->i;
        if (m->i == m->n) return bad(m, "the file is cut short", err);
        unsigned char op = m->p[m->i++];
        if (op == '.') break;
        st = step(m, op, err);
    }
    if (!st && (m->stack.n != 1 || m->stack.v[0].is != PAIR))
        st = bad(m, "the set is not one pair of lists", err);
    return st;
}

/* ---- the two lists ---- */

static dnx_status take(const machine *m, dnx_binset *s, dnx_err *err) {
    const values *images = &m->list[m->stack.v[0].a], *same = &m->list[m->stack.v[0].b];
    if (images == same || images->n != 2 * same->n || !same->n)
        return dnx_fail(err, DNX_EPARSE, m->at, "%zu images for %zu pairs: must be two a pair",
                        images->n, same->n);
    s->image = malloc(images->n * sizeof *s->image);
    s->same = malloc(same->n * sizeof *s->same);
    if (!s->image || !s->same) return dnx_fail(err, DNX_EMEM, m->at, "no memory for the set");
    for (size_t i = 0; i < images->n; i++) {
        value v = images->v[i];
        if (v.is != BYTES || !v.b)
            return dnx_fail(err, DNX_EPARSE, m->at, "image %zu: %s", i,
                            v.is == BYTES ? "is empty" : "must be bytes, not a truth value");
        s->image[i] = (dnx_binset_image){m->p + v.a, v.b};
    }
    for (size_t i = 0; i < same->n; i++) {
        if (same->v[i].is != TRUTH)
            return dnx_fail(err, DNX_EPARSE, m->at, "pair %zu: must be True or False", i);
        s->same[i] = same->v[i].a;
    }
    s->n = images->n;
    return DNX_OK;
}

dnx_status dnx_binset_open(const char *path, dnx_binset *s, dnx_err *err) {
    machine m = {.at = {path, 0}};
    *s = (dnx_binset){0};
    s->data = dnx_file_read(path, &m.n);
    if (!s->data) return dnx_fail(err, DNX_EIO, m.at, "cannot read: %s", strerror(errno));
    m.p = (const unsigned char *)s->data;
    dnx_status st = run(&m, err);
    if (!st) st = take(&m, s, err);
    free(m.stack.v);
    free(m.memo.v);
    for (size_t i = 0; i < LISTS; i++) free(m.list[i].v);
    return st;
}

void dnx_binset_close(dnx_binset *s) {
    free(s->data);
    free(s->image);
    free(s->same);
    *s = (dnx_binset){0};
}
