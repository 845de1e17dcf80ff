/* pickle.c - the stack machine of pickles. A pickle is a program for this machine. */
#include "data/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/lines.h"
#include "data/pickle_machine.h"

enum { MOST = 1 << 24 };

typedef dnx_pickle_machine machine;
typedef dnx_py value;
typedef dnx_py_list values;

dnx_status dnx_py_bad(const machine *m, const char *why, dnx_err *err) {
    return dnx_fail(err, DNX_EPARSE, m->at, "byte %zu: %s", m->op, why);
}

dnx_status dnx_py_no_memory(const machine *m, dnx_err *err) {
    return dnx_fail(err, DNX_EMEM, m->at, "no memory for the set");
}

static dnx_status push(machine *m, values *s, value v, dnx_err *err) {
    if (m->values++ == MOST) return dnx_py_bad(m, "more than 16777216 values", err);
    if (!dnx_grow(&s->v, s->n, &s->room, sizeof *s->v)) return dnx_py_no_memory(m, err);
    s->v[s->n++] = v;
    return DNX_OK;
}

dnx_status dnx_py_put(machine *m, value v, dnx_err *err) { return push(m, &m->stack, v, err); }

dnx_status dnx_py_put_number(machine *m, int64_t v, dnx_err *err) {
    return dnx_py_put(m, (value){.is = DNX_PY_NUMBER, .a = v}, err);
}

dnx_status dnx_py_put_truth(machine *m, int64_t v, dnx_err *err) {
    return dnx_py_put(m, (value){.is = DNX_PY_NUMBER, .a = v, .b = true}, err);
}

/* ---- arguments of an opcode ---- */

/* Reads the next `size` bytes as a little-endian number. */
static dnx_status number(machine *m, size_t size, uint64_t *v, dnx_err *err) {
    *v = 0;
    if (m->n - m->i < size) return dnx_py_bad(m, "the file is cut short", err);
    for (size_t k = 0; k < size; k++) *v |= (uint64_t)m->p[m->i + k] << 8 * k;
    m->i += size;
    return DNX_OK;
}

static dnx_status put_run(machine *m, dnx_py_kind is, size_t size_bytes, dnx_err *err) {
    uint64_t n;
    dnx_status st = number(m, size_bytes, &n, err);
    if (st) return st;
    if (n > m->n - m->i)
        return dnx_py_bad(m, "the file is cut short, or a length in it is wrong", err);
    st = dnx_py_put(m, (value){is, (int64_t)n, 0, m->p + m->i}, err);
    m->i += n;
    return st;
}

dnx_status dnx_py_line(machine *m, const unsigned char **s, size_t *n, dnx_err *err) {
    const unsigned char *end = memchr(m->p + m->i, '\n', m->n - m->i);
    if (!end) return dnx_py_bad(m, "the file is cut short", err);
    *s = m->p + m->i;
    *n = (size_t)(end - *s);
    m->i += *n + 1;
    return DNX_OK;
}

static dnx_status line_number(machine *m, int64_t *v, dnx_err *err) {
    const unsigned char *s = NULL;
    size_t n = 0;
    char text[32];
    long number = 0;
    dnx_status st = dnx_py_line(m, &s, &n, err);
    if (st) return st;
    if (n && s[n - 1] == 'L') n--; /* Python 2 writes a long as 5L */
    if (n >= sizeof text) return dnx_py_bad(m, "no number that a set has", err);
    memcpy(text, s, n);
    text[n] = 0;
    if (!dnx_whole(text, -INT32_MAX, INT32_MAX, &number))
        return dnx_py_bad(m, "no number that a set has", err);
    *v = number;
    return DNX_OK;
}

char *dnx_py_own(machine *m, size_t n, dnx_err *err) {
    dnx_pickle *p = m->out;
    char *s = malloc(n + 1);
    if (s && dnx_grow(&p->own, p->owned, &m->own_room, sizeof *p->own))
        return p->own[p->owned++] = s;
    free(s);
    dnx_py_no_memory(m, err);
    return NULL;
}

static int hex(unsigned char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a str of Python 2 in the form of repr(), with quotes and escapes. */
static dnx_status put_quoted(machine *m, dnx_err *err) {
    static const char letter[] = "ntr\\'\"", byte[] = "\n\t\r\\'\"";
    const unsigned char *s = NULL;
    size_t n = 0, k = 0;
    dnx_status st = dnx_py_line(m, &s, &n, err);
    if (st) return st;
    if (n < 2 || (*s != '\'' && *s != '"') || s[n - 1] != *s)
        return dnx_py_bad(m, "a text without its quotes", err);
    char *out = dnx_py_own(m, n, err);
    if (!out) return DNX_EMEM;
    for (size_t i = 1; i < n - 1; i++) {
        const char *at = NULL;
        if (s[i] != '\\') out[k++] = (char)s[i];
        else if (i + 1 < n - 1 && s[i + 1] && (at = strchr(letter, s[i + 1]))) {
            out[k++] = byte[at - letter];
            i++;
        } else if (i + 3 < n - 1 && s[i + 1] == 'x' && hex(s[i + 2]) >= 0 && hex(s[i + 3]) >= 0) {
            out[k++] = (char)(hex(s[i + 2]) << 4 | hex(s[i + 3]));
            i += 3;
        } else return dnx_py_bad(m, "an escape that no text of Python has", err);
    }
    return dnx_py_put(m, (value){DNX_PY_BYTES, (int64_t)k, 0, (unsigned char *)out}, err);
}

/* Reads a text of protocol 0: Latin-1 with escapes \uXXXX. Refuses characters above U+00FF. */
static dnx_status put_raw_unicode(machine *m, dnx_err *err) {
    const unsigned char *s = NULL;
    size_t n = 0, k = 0;
    dnx_status st = dnx_py_line(m, &s, &n, err);
    char *out = st ? NULL : dnx_py_own(m, 2 * n, err);
    if (!out) return st ? st : DNX_EMEM;
    for (size_t i = 0; i < n; i++) {
        unsigned c = s[i];
        if (c == '\\' && n - i >= 6 && s[i + 1] == 'u') {
            c = 0;
            for (size_t j = 2; j < 6; j++) {
                if (hex(s[i + j]) < 0)
                    return dnx_py_bad(m, "an escape that no text of Python has", err);
                c = c << 4 | (unsigned)hex(s[i + j]);
            }
            if (c > 0xff) return dnx_py_bad(m, "a text that is not bytes", err);
            i += 5;
        }
        if (c >= 0x80) out[k++] = (char)(0xc0 | c >> 6);
        out[k++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    return dnx_py_put(m, (value){DNX_PY_TEXT, (int64_t)k, 0, (unsigned char *)out}, err);
}

/* ---- lists, memo ---- */

static dnx_status put_list(machine *m, bool is_tuple, dnx_err *err) {
    dnx_pickle *p = m->out;
    if (!dnx_grow(&p->list, p->lists, &m->list_room, sizeof *p->list))
        return dnx_py_no_memory(m, err);
    p->list[p->lists] = (values){0};
    return dnx_py_put(m, (value){.is = DNX_PY_LIST, .a = (int64_t)p->lists++, .b = is_tuple}, err);
}

static dnx_status find_mark(const machine *m, size_t *mark, dnx_err *err) {
    size_t k = m->stack.n;
    while (k > 0 && m->stack.v[k - 1].is != DNX_PY_MARK) k--;
    if (!k) return dnx_py_bad(m, "no mark", err);
    *mark = k - 1;
    return DNX_OK;
}

/* Makes a list or tuple of the stack's values from index `first` on. The new list replaces all
 * values from index `place` on. */
static dnx_status collect(machine *m, size_t place, size_t first, bool is_tuple, dnx_err *err) {
    dnx_status st = put_list(m, is_tuple, err);
    if (st) return st;
    value list = m->stack.v[--m->stack.n];
    for (size_t k = first; !st && k < m->stack.n; k++)
        st = push(m, &m->out->list[list.a], m->stack.v[k], err);
    m->stack.n = place;
    return st ? st : dnx_py_put(m, list, err);
}

static dnx_status collect_last(machine *m, size_t n, dnx_err *err) {
    if (m->stack.n < n) return dnx_py_bad(m, "a tuple of more than there is", err);
    return collect(m, m->stack.n - n, m->stack.n - n, true, err);
}

static dnx_status collect_marked(machine *m, bool is_tuple, dnx_err *err) {
    size_t mark = 0;
    dnx_status st = find_mark(m, &mark, err);
    return st ? st : collect(m, mark, mark + 1, is_tuple, err);
}

/* Appends the stack's values from index `first` on to the list at index `place`, and pops them. */
static dnx_status append(machine *m, size_t place, size_t first, dnx_err *err) {
    value list = m->stack.v[place];
    if (list.is != DNX_PY_LIST || list.b)
        return dnx_py_bad(m, "appends to something that is not a list", err);
    dnx_status st = DNX_OK;
    for (size_t k = first; !st && k < m->stack.n; k++)
        st = push(m, &m->out->list[list.a], m->stack.v[k], err);
    m->stack.n = place + 1;
    return st;
}

static dnx_status append_marked(machine *m, dnx_err *err) {
    size_t mark = 0;
    dnx_status st = find_mark(m, &mark, err);
    if (st) return st;
    return mark ? append(m, mark - 1, mark + 1, err)
                : dnx_py_bad(m, "appends to something that is not a list", err);
}

/* Stores the top of the stack as entry `index` of the memo. Python numbers the entries 0, 1,
 * 2, ... An index that skips two or more entries is refused: the memo would take much memory. */
static dnx_status keep(machine *m, uint64_t index, dnx_err *err) {
    if (!m->stack.n || index > m->memo.n + 1)
        return dnx_py_bad(m, "a memo that does not count up", err);
    value v = m->stack.v[m->stack.n - 1];
    dnx_status st = DNX_OK;
    while (!st && m->memo.n <= index) st = push(m, &m->memo, v, err);
    if (!st) m->memo.v[index] = v;
    return st;
}

static dnx_status recall(machine *m, uint64_t index, dnx_err *err) {
    if (index >= m->memo.n) return dnx_py_bad(m, "recalls a value that was never kept", err);
    return dnx_py_put(m, m->memo.v[index], err);
}

/* ---- opcodes ---- */

static dnx_status refuse(const machine *m, unsigned char op, dnx_err *err) {
    if (op && strchr("oiPQ\x81\x82\x83\x84\x92", op))
        return dnx_py_bad(m, "names a class or a function: refused, a set has none", err);
    return dnx_fail(err, DNX_EPARSE, m->at,
                    "byte %zu: opcode 0x%02x, which no verification set has", m->op, op);
}

/* Reads a number of 1, 2 or 4 bytes. It is signed when it has 4 bytes, else unsigned. */
static dnx_status put_bytes(machine *m, size_t size, dnx_err *err) {
    uint64_t n;
    dnx_status st = number(m, size, &n, err);
    return st ? st : dnx_py_put_number(m, size == 4 ? (int32_t)(uint32_t)n : (int64_t)n, err);
}

/* Reads a byte with the length n, then a number of n bytes. */
static dnx_status put_long(machine *m, dnx_err *err) {
    uint64_t n;
    dnx_status st = number(m, 1, &n, err);
    if (!st && n > 8) st = dnx_py_bad(m, "no number that a set has", err);
    if (!st) st = number(m, (size_t)n, &n, err);
    return st ? st : dnx_py_put_number(m, (int64_t)n, err);
}

/* Opcodes I and L. I00 and I01 are False and True. */
static dnx_status put_line(machine *m, unsigned char op, dnx_err *err) {
    int64_t v;
    dnx_status st = line_number(m, &v, err);
    if (st) return st;
    return (op == 'I' && (v == 0 || v == 1) ? dnx_py_put_truth : dnx_py_put_number)(m, v, err);
}

static dnx_status step_memo(machine *m, unsigned char op, dnx_err *err) {
    uint64_t n = m->memo.n;
    int64_t v = 0;
    dnx_status st = DNX_OK;
    if (op == 'p' || op == 'g') {
        st = line_number(m, &v, err);
        if (!st && v < 0) st = dnx_py_bad(m, "a memo that does not count up", err);
        n = st ? 0 : (uint64_t)v;
    } else if (op != 0x94) st = number(m, op == 'q' || op == 'h' ? 1 : 4, &n, err);
    if (st) return st;
    return op == 'h' || op == 'j' || op == 'g' ? recall(m, n, err) : keep(m, n, err);
}

static dnx_status step(machine *m, unsigned char op, dnx_err *err) {
    uint64_t n;
    switch (op) {
    case 0x95: return number(m, 8, &n, err); /* FRAME: its length is not needed */
    case 'C':
    case 'U': return put_run(m, DNX_PY_BYTES, 1, err); /* C, B: bytes. U, T: str of Python 2 */
    case 'B':
    case 'T': return put_run(m, DNX_PY_BYTES, 4, err);
    case 0x8e:
    case 0x96: return put_run(m, DNX_PY_BYTES, 8, err);
    case 0x8c: return put_run(m, DNX_PY_TEXT, 1, err);
    case 'X': return put_run(m, DNX_PY_TEXT, 4, err);
    case 'S': return put_quoted(m, err);
    case 'V': return put_raw_unicode(m, err);
    case 'N': return dnx_py_put(m, (value){.is = DNX_PY_NONE}, err);
    case 0x88:
    case 0x89: return dnx_py_put_truth(m, op == 0x88, err);
    case 'K': return put_bytes(m, 1, err);
    case 'M': return put_bytes(m, 2, err);
    case 'J': return put_bytes(m, 4, err);
    case 'I':
    case 'L': return put_line(m, op, err);
    case 0x8a: return put_long(m, err); /* LONG1 */
    case ']':
    case ')': return put_list(m, op == ')', err);
    case '(': return dnx_py_put(m, (value){.is = DNX_PY_MARK}, err);
    case 'a':
        if (m->stack.n < 2) return dnx_py_bad(m, "appends to something that is not a list", err);
        return append(m, m->stack.n - 2, m->stack.n - 1, err);
    case 'e': return append_marked(m, err);
    case 'l':
    case 't': return collect_marked(m, op == 't', err);
    case 0x85:
    case 0x86:
    case 0x87: return collect_last(m, op - 0x84u, err);
    case 0x94:
    case 'q':
    case 'r':
    case 'p':
    case 'h':
    case 'j':
    case 'g': return step_memo(m, op, err);
    case 'c': return dnx_py_global(m, err);
    case 0x93: return dnx_py_stack_global(m, err);
    case 'R': return dnx_py_call(m, err);
    case 'b': return dnx_py_build(m, err);
    default: return refuse(m, op, err);
    }
}

dnx_status dnx_pickle_read(const unsigned char *bytes, size_t n, const char *file, dnx_pickle *p,
                           dnx_err *err) {
    machine m = {.at = {file, 0}, .p = bytes, .n = n, .out = p};
    dnx_status st = DNX_OK;
    *p = (dnx_pickle){0};
    if (n && bytes[0] == 0x80) {
        m.i = 2;
        if (n < 2 || bytes[1] < 2 || bytes[1] > 5)
            return dnx_fail(err, DNX_EPARSE, m.at, "pickle protocol %d: 0 to 5 are read",
                            n < 2 ? 0 : bytes[1]);
    } else if (!n || !strchr("(]", bytes[0]))
        return dnx_fail(err, DNX_EPARSE, m.at,
                        "no verification set: it does not begin as a pickle of lists");
    for (bool ends = false; !st && !ends;) {
        m.op = m.i;
        if (m.i == n) st = dnx_py_bad(&m, "the file is cut short", err);
        else if (bytes[m.i] == '.') ends = true;
        else st = step(&m, bytes[m.i++], err);
    }
    if (!st && m.stack.n != 1) st = dnx_py_bad(&m, "the pickle is not one value", err);
    if (!st) p->top = m.stack.v[0];
    free(m.stack.v);
    free(m.memo.v);
    return st;
}

void dnx_pickle_free(dnx_pickle *p) {
    for (size_t i = 0; i < p->lists; i++) free(p->list[i].v);
    for (size_t i = 0; i < p->owned; i++) free(p->own[i]);
    free(p->list);
    free(p->array);
    free(p->own);
    *p = (dnx_pickle){0};
}

const dnx_py_list *dnx_pickle_list(const dnx_pickle *p, const dnx_py *v) {
    if (v->is == DNX_PY_LIST) return &p->list[v->a];
    if (v->is != DNX_PY_ARRAY || !p->array[v->a].is_built || p->array[v->a].type != 'O')
        return NULL;
    return &p->list[p->array[v->a].list];
}
