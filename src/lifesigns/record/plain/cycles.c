/* Plain cycles, counted in C: what by_python.py does, function by function.

   In Python an idle step is sixty lines in cold caches. Here what torch is asked is asked through
   descriptors that were looked up once, and losses are kept as plain numbers. A function returns 1
   for yes, 0 for no, and -1 with an exception set; NULL means the latter, too. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <structmember.h>
#include <time.h>

enum object { HOST, THREAD, NODES, DTYPES, ONLY, SEEN, OBJECTS };

typedef struct {
    PyObject_HEAD
    unsigned long open_for;
    long long step, until;
    Py_ssize_t position, groups, rows, timed_cycles;
    double mean, lowest, highest, timed;
    PyObject *objects[OBJECTS];
    int64_t steps[ROWS];
    double values[ROWS], samples[SAMPLES];
} Cycles;

/* What is asked of torch: its types, functions and descriptors. */
static struct {
    PyObject *tensor, *float32, *task, *dispatch_modes, *function_modes;
    PyObject *grad_fn, *is_cpu, *dtype, *data_ptr;
} torch;

static struct {
    PyObject *in_quiet_pass, *trains, *param_groups, *lr;
} names;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + 1e-9 * at.tv_nsec;
}

static int is_timed(const Cycles *self) { return self->step % TIMED == NINTH; }

static int done(PyObject *result) {
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int is_true(PyObject *result) {
    int truth = result ? PyObject_IsTrue(result) : -1;
    Py_XDECREF(result);
    return truth;
}

/* What a descriptor says of an object. */
static PyObject *get(PyObject *descriptor, PyObject *object) {
    return Py_TYPE(descriptor)->tp_descr_get(descriptor, object, (PyObject *)Py_TYPE(object));
}

static int is_now(PyObject *function, long expected) {
    PyObject *result = PyObject_CallNoArgs(function);
    long number = result ? PyLong_AsLong(result) : -1;
    Py_XDECREF(result);
    return PyErr_Occurred() ? -1 : number == expected;
}

static int is_outside(void) {
    int answer = is_now(torch.task, -1);
    if (answer == 1) answer = is_now(torch.dispatch_modes, 0);
    if (answer == 1) answer = is_now(torch.function_modes, 0);
    return answer;
}

static int has_node(PyObject *loss, PyObject *type) {
    PyObject *node = get(torch.grad_fn, loss);
    int answer = node ? (PyObject *)Py_TYPE(node) == type : -1;
    Py_XDECREF(node);
    return answer;
}

static int has_dtype(PyObject *loss, PyObject *expected) {
    PyObject *dtype = get(torch.dtype, loss);
    int answer = dtype ? dtype == expected : -1;
    Py_XDECREF(dtype);
    return answer;
}

/* Reads a loss of the known node and dtype in the memory of the processor. */
static int value_of(const Cycles *self, PyObject *loss, double *value) {
    if (self->position >= PyTuple_GET_SIZE(self->objects[NODES])) return 0;
    PyObject *node = PyTuple_GET_ITEM(self->objects[NODES], self->position);
    PyObject *dtype = PyTuple_GET_ITEM(self->objects[DTYPES], self->position);
    int answer = has_node(loss, node);
    if (answer == 1) answer = is_true(get(torch.is_cpu, loss));
    if (answer == 1) answer = has_dtype(loss, dtype);
    if (answer != 1) return answer;
    PyObject *address = PyObject_CallOneArg(torch.data_ptr, loss);
    void *at = address ? PyLong_AsVoidPtr(address) : NULL;
    Py_XDECREF(address);
    if (!at) return PyErr_Occurred() ? -1 : 0;
    *value = dtype == torch.float32 ? *(float *)at : *(double *)at;
    return 1;
}

static int is_expected(Cycles *self, double value) {
    double size = fabs(value), mean = OLD * self->mean + NEW * size;
    if (size <= SPIKE * self->mean && self->lowest <= mean && mean <= self->highest) {
        self->mean = mean;
        return 1;
    }
    return is_true(PyObject_CallMethod(self->objects[HOST], "expects", "d", value));
}

static int keep(Cycles *self, PyObject *loss) {
    double value, began = is_timed(self) ? now() : 0;
    int answer = value_of(self, loss, &value);
    if (answer == 1) answer = is_expected(self, value);
    if (answer != 1) return answer;
    int is_full = self->rows == ROWS || self->timed_cycles == SAMPLES;
    if (is_full && done(PyObject_CallMethod(self->objects[HOST], "tell", NULL)) < 0) return -1;
    self->steps[self->rows] = self->step;
    self->values[self->rows++] = value;
    self->position++;
    if (PyObject_SetAttr(self->objects[THREAD], names.trains, Py_True) < 0 ||
        PyObject_SetAttr(self->objects[THREAD], names.in_quiet_pass, Py_True) < 0)
        return -1;
    if (is_timed(self)) self->timed += now() - began + DISPATCH;
    return 1;
}

/* Hands an exception that is being raised to the host; other than `Exception` it goes on. */
static int failed(Cycles *self) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return -1;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback) PyException_SetTraceback(error, traceback);
    int answer = done(PyObject_CallMethod(self->objects[HOST], "failed", "O", error));
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(traceback);
    return answer;
}

static int expect_arguments(Py_ssize_t given, Py_ssize_t expected) {
    if (given == expected) return 0;
    PyErr_Format(PyExc_TypeError, "%zd arguments are expected, %zd were given", expected, given);
    return -1;
}

static PyObject *notes(Cycles *self, PyObject *const *arguments, Py_ssize_t count) {
    if (expect_arguments(count, 2) < 0) return NULL;
    PyObject *loss = arguments[0], *gradients = arguments[1];
    if (PyThread_get_thread_ident() == self->open_for) {
        int inside = is_true(PyObject_GetAttr(self->objects[THREAD], names.in_quiet_pass));
        if (inside < 0) return NULL;
        if (inside) Py_RETURN_FALSE;
        if (gradients == Py_None && (PyObject *)Py_TYPE(loss) == torch.tensor) {
            int answer = is_outside();
            if (answer == 1) answer = keep(self, loss);
            if (answer == 1) Py_RETURN_TRUE;
            if (answer < 0) return failed(self) < 0 ? NULL : Py_NewRef(Py_False);
        }
    }
    return PyObject_CallMethod(self->objects[HOST], "look", "OO", loss, gradients);
}

static PyObject *passed(Cycles *self, PyObject *succeeded) {
    if (self->open_for == NOBODY)
        return PyObject_CallMethod(self->objects[HOST], "after", "O", succeeded);
    self->position -= succeeded != Py_True;
    if (PyObject_SetAttr(self->objects[THREAD], names.in_quiet_pass, Py_False) < 0) return NULL;
    Py_RETURN_NONE;
}

static int has_rate(PyObject *group, PyObject *rate) {
    PyObject *found = PyDict_Check(group) ? PyDict_GetItemWithError(group, names.lr) : NULL;
    return (found ? found : Py_None) == rate;
}

/* Whether the groups of an optimizer have the rates that were seen last. */
static int is_unmoved(const Cycles *self, PyObject *optimizer) {
    PyObject *groups = PyObject_GetAttr(optimizer, names.param_groups);
    if (!groups) return -1;
    PyObject *seen = self->objects[SEEN];
    int answer = PyList_Check(groups) && PyList_GET_SIZE(groups) == self->groups;
    for (Py_ssize_t i = 0; answer && i < PyTuple_GET_SIZE(seen) && i < self->groups; i++)
        answer = has_rate(PyList_GET_ITEM(groups, i), PyTuple_GET_ITEM(seen, i));
    Py_DECREF(groups);
    return PyErr_Occurred() ? -1 : answer;
}

static int count(Cycles *self, PyObject *optimizer) {
    PyObject *host = self->objects[HOST];
    int timed = is_timed(self);
    double began = timed ? now() : 0;
    int unmoved = is_unmoved(self, optimizer);
    if (unmoved < 0) return -1;
    if (!unmoved && done(PyObject_CallMethod(host, "moved", "O", optimizer)) < 0) return -1;
    self->position = 0;
    self->step++;
    if (timed) {
        double took = self->timed + now() - began + DISPATCH;
        self->timed = 0;
        if (self->timed_cycles < SAMPLES) self->samples[self->timed_cycles++] = took;
    }
    return self->step < self->until ? 0 : done(PyObject_CallMethod(host, "decide", NULL));
}

static int is_only(const Cycles *self, PyObject *optimizer) {
    PyObject *only = PyObject_CallNoArgs(self->objects[ONLY]);
    int answer = only ? only == optimizer : -1;
    Py_XDECREF(only);
    return answer;
}

static PyObject *steps(Cycles *self, PyObject *const *arguments, Py_ssize_t given) {
    if (expect_arguments(given, 3) < 0) return NULL;
    PyObject *optimizer = arguments[0];
    if (PyThread_get_thread_ident() == self->open_for) {
        int answer = is_only(self, optimizer);
        if (answer == 1) answer = is_now(torch.task, -1);
        if (answer == 1) {
            answer = count(self, optimizer);
            if (answer == 0) Py_RETURN_NONE;
        }
        if (answer < 0 && failed(self) < 0) return NULL;
    }
    return PyObject_CallMethod(
        self->objects[HOST], "stepped", "OOO", optimizer, arguments[1], arguments[2]);
}

static PyObject *take(Cycles *self, PyObject *unused) {
    Py_ssize_t rows = self->rows, samples = self->timed_cycles;
    self->rows = self->timed_cycles = 0;
    return Py_BuildValue("y#y#y#", self->steps, rows * sizeof *self->steps, self->values,
                         rows * sizeof *self->values, self->samples, samples * sizeof *self->samples);
}

static int init(Cycles *self, PyObject *arguments, PyObject *options) {
    static char *keywords[] = {"host", "thread", NULL};
    PyObject *host, *thread;
    if (!PyArg_ParseTupleAndKeywords(arguments, options, "OO", keywords, &host, &thread)) return -1;
    Py_XSETREF(self->objects[HOST], Py_NewRef(host));
    Py_XSETREF(self->objects[THREAD], Py_NewRef(thread));
    return 0;
}

static int traverse(Cycles *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    for (int i = 0; i < OBJECTS; i++) Py_VISIT(self->objects[i]);
    return 0;
}

static int forget(Cycles *self) {
    for (int i = 0; i < OBJECTS; i++) Py_CLEAR(self->objects[i]);
    return 0;
}

static void dealloc(Cycles *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    forget(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"notes", (PyCFunction)(void (*)(void))notes, METH_FASTCALL, NULL},
    {"passed", (PyCFunction)passed, METH_O, NULL},
    {"steps", (PyCFunction)(void (*)(void))steps, METH_FASTCALL, NULL},
    {"take", (PyCFunction)take, METH_NOARGS, NULL},
    {NULL},
};

#define OBJECT(name, index) \
    {name, T_OBJECT, offsetof(Cycles, objects) + index * sizeof(PyObject *), 0, NULL}
static PyMemberDef members[] = {
    {"open_for", T_ULONG, offsetof(Cycles, open_for), 0, NULL},
    {"step", T_LONGLONG, offsetof(Cycles, step), 0, NULL},
    {"until", T_LONGLONG, offsetof(Cycles, until), 0, NULL},
    {"position", T_PYSSIZET, offsetof(Cycles, position), 0, NULL},
    {"groups", T_PYSSIZET, offsetof(Cycles, groups), 0, NULL},
    {"mean", T_DOUBLE, offsetof(Cycles, mean), 0, NULL},
    {"lowest", T_DOUBLE, offsetof(Cycles, lowest), 0, NULL},
    {"highest", T_DOUBLE, offsetof(Cycles, highest), 0, NULL},
    OBJECT("nodes", NODES),
    OBJECT("dtypes", DTYPES),
    OBJECT("only", ONLY),
    OBJECT("seen", SEEN),
    {NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_init, init},       {Py_tp_traverse, traverse}, {Py_tp_clear, forget},
    {Py_tp_dealloc, dealloc}, {Py_tp_methods, methods},   {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "lifesigns.PlainCycles",
    .basicsize = sizeof(Cycles),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

static int look_up(void) {
    PyObject *module = PyImport_ImportModule("torch"), *c = PyImport_ImportModule("torch._C");
    if (!module || !c) return -1;
    torch.tensor = PyObject_GetAttrString(module, "Tensor");
    torch.float32 = PyObject_GetAttrString(module, "float32");
    torch.task = PyObject_GetAttrString(c, "_current_graph_task_id");
    torch.dispatch_modes = PyObject_GetAttrString(c, "_len_torch_dispatch_stack");
    torch.function_modes = PyObject_GetAttrString(c, "_len_torch_function_stack");
    Py_DECREF(module);
    Py_DECREF(c);
    if (!torch.tensor) return -1;
    torch.grad_fn = PyObject_GetAttrString(torch.tensor, "grad_fn");
    torch.is_cpu = PyObject_GetAttrString(torch.tensor, "is_cpu");
    torch.dtype = PyObject_GetAttrString(torch.tensor, "dtype");
    torch.data_ptr = PyObject_GetAttrString(torch.tensor, "data_ptr");
    PyObject *descriptors[] = {torch.grad_fn, torch.is_cpu, torch.dtype};
    for (int i = 0; i < 3; i++)
        if (!descriptors[i] || !Py_IS_TYPE(descriptors[i], &PyGetSetDescr_Type)) {
            PyErr_SetString(PyExc_ImportError, "tensors tell about themselves in another way");
            return -1;
        }
    names.in_quiet_pass = PyUnicode_InternFromString("in_quiet_pass");
    names.trains = PyUnicode_InternFromString("trains");
    names.param_groups = PyUnicode_InternFromString("param_groups");
    names.lr = PyUnicode_InternFromString("lr");
    return PyErr_Occurred() ? -1 : 0;
}

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_lifesigns_plain_cycles", NULL, -1, NULL};

PyMODINIT_FUNC PyInit__lifesigns_plain_cycles(void) {
    if (look_up() < 0) return NULL;
    PyObject *module = PyModule_Create(&definition), *class = PyType_FromSpec(&type);
    if (!module || !class || PyModule_AddObject(module, "PlainCycles", class) < 0) return NULL;
    return module;
}
