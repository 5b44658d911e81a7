/* Client frames (RFC 6455 section 5.2): header, masking key and masked payload in one piece.
 *
 * An optional accelerator: without a compiler the package does the same in Python. Only the
 * stable ABI of CPython 3.10 is used, so one build serves all later versions; setup.py defines
 * Py_LIMITED_API, but not for free-threaded ones, which have no such ABI. The loop over
 * eight bytes at a time is what compilers turn into vector instructions; memcpy stands for
 * unaligned loads and stores, and costs nothing.
 */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* vectorise, whatever the distribution's default is */
#endif

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

static void
mask_payload(unsigned char *target, const unsigned char *source, Py_ssize_t size,
             const unsigned char key[4])
{
    uint64_t wide_key, word;
    Py_ssize_t i = 0;

    memcpy(&wide_key, key, 4);
    memcpy((unsigned char *)&wide_key + 4, key, 4);
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, source + i, 8);
        word ^= wide_key;
        memcpy(target + i, &word, 8);
    }
    for (; i < size; i++)
        target[i] = source[i] ^ key[i & 3];
}

static Py_ssize_t
write_header(unsigned char *target, unsigned char first, Py_ssize_t size)
{
    uint64_t length = (uint64_t)size;
    int i;

    target[0] = first;
    if (length < 126) {
        target[1] = 0x80 | (unsigned char)length;
        return 2;
    }
    if (length < 65536) {
        target[1] = 0x80 | 126;
        target[2] = (unsigned char)(length >> 8);
        target[3] = (unsigned char)length;
        return 4;
    }
    target[1] = 0x80 | 127;
    for (i = 0; i < 8; i++)
        target[2 + i] = (unsigned char)(length >> (56 - 8 * i));
    return 10;
}

PyDoc_STRVAR(frame_doc,
"frame(first, payload, key)\n--\n\n"
"Build a masked frame: first is its first byte, payload and the four-byte key are bytes.");

static PyObject *
frame(PyObject *Py_UNUSED(module), PyObject *args)
{
    int first;
    char *payload, *key;
    Py_ssize_t size, key_size, header;
    PyObject *payload_object, *key_object, *result;
    unsigned char *target;

    if (!PyArg_ParseTuple(args, "iSS:frame", &first, &payload_object, &key_object))
        return NULL;
    if (PyBytes_AsStringAndSize(payload_object, &payload, &size) < 0 ||
        PyBytes_AsStringAndSize(key_object, &key, &key_size) < 0)
        return NULL;
    if (key_size != 4 || first < 0 || first > 255) {
        PyErr_SetString(PyExc_ValueError, "a key has four bytes, a first byte is 0 to 255");
        return NULL;
    }
    if (size > PY_SSIZE_T_MAX - 14)
        return PyErr_NoMemory();
    header = size < 126 ? 6 : size < 65536 ? 8 : 14;
    result = PyBytes_FromStringAndSize(NULL, header + size);
    if (result == NULL)
        return NULL;
    target = (unsigned char *)PyBytes_AsString(result);
    target += write_header(target, (unsigned char)first, size);
    memcpy(target, key, 4);
    mask_payload(target + 4, (const unsigned char *)payload, size, (const unsigned char *)key);
    return result;
}

static PyMethodDef methods[] = {
    {"frame", frame, METH_VARARGS, frame_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED}, /* there is no state: arguments in, a new object out */
#endif
    {0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_speedups",
    .m_doc = "Frames, built in C.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__speedups(void)
{
    return PyModuleDef_Init(&module);
}
