/* A stand-in for libcuda.so.1 whose device memory is host memory, for tests of what talks to it.
 *
 * It is strict where a real driver is lenient or quick: nothing works without a current context, an
 * address must be one that is in use, and host memory must be pinned. Streams run at once; what is
 * put onto one that is being captured is recorded, and runs when its graph is launched.
 *
 * FAKE_CUDA_DEVICES=N   how many GPUs there are; 0 lets cuInit fail as it does without one
 * FAKE_CUDA_FAIL="cuMemAlloc_v2 3 2"   that function returns 2 from its third call on
 *
 * Built by the tests: cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o libcuda.so.1 fake_driver.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_CONTEXT = 201,
       INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_SUPPORTED = 801 };
enum { MEMORY, PINNED, STREAM, EVENT, GRAPH, EXEC, CONTEXT, KINDS };
#define MAX_THINGS 4096
#define MAX_WORK 256
#define MAX_STACK 16
#define API __attribute__((visibility("default")))
typedef uint64_t ptr;

typedef struct { int kind; char *at; size_t size; } Thing;
typedef struct { int what; void *to; const void *from; size_t size; void (*call)(void *); } Work;
typedef struct { int capturing, count; Work work[MAX_WORK]; } Stream;
typedef struct { int count; Work work[MAX_WORK]; } Graph;
typedef struct { int happened; double at; } Event;

static Thing things[MAX_THINGS];
static int live[KINDS];
static char the_context[64];
static __thread void *stack[MAX_STACK];
static __thread int depth;

/* --- what tests ask for --- */

API int fake_live(int kind) { return live[kind]; }

static int fails(const char *name) {
    const char *asked = getenv("FAKE_CUDA_FAIL");
    char wanted[64];
    int nth, code;
    static int calls;
    if (!asked || sscanf(asked, "%63s %d %d", wanted, &nth, &code) != 3 || strcmp(name, wanted))
        return OK;
    return ++calls >= nth ? code : OK;
}

#define BEGIN                                            \
    do {                                                 \
        int failure = fails(__func__);                   \
        if (failure) return failure;                     \
        if (!depth || !stack[depth - 1]) return INVALID_CONTEXT; \
    } while (0)

/* --- things that are made and given back --- */

static int add(int kind, void *at, size_t size) {
    for (int i = 0; i < MAX_THINGS; i++)
        if (!things[i].at) {
            things[i] = (Thing){kind, at, size};
            live[kind]++;
            return OK;
        }
    return OUT_OF_MEMORY;
}

static int has(int kind, const void *at, size_t size) {
    for (int i = 0; i < MAX_THINGS; i++)
        if (things[i].at && things[i].kind == kind && (char *)at >= things[i].at &&
            (char *)at + size <= things[i].at + things[i].size)
            return 1;
    return 0;
}

static int drop(int kind, void *at) {
    for (int i = 0; i < MAX_THINGS; i++)
        if (things[i].at && things[i].kind == kind && things[i].at == at) {
            things[i].at = NULL;
            live[kind]--;
            free(at);
            return OK;
        }
    return INVALID_HANDLE;
}

static int make(int kind, void **out, size_t size) {
    void *at = NULL;
    if (posix_memalign(&at, 256, size ? size : 1)) return OUT_OF_MEMORY;
    memset(at, kind == MEMORY || kind == PINNED ? 0xCD : 0, size);
    *out = at;
    return add(kind, at, size);
}

/* --- work --- */

static void run(const Work *work) {
    if (work->call) {
        work->call(work->to);
    } else if (work->from) {
        memcpy(work->to, work->from, work->size);
    } else { /* an event happens */
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        ((Event *)work->to)->at = now.tv_sec * 1e3 + now.tv_nsec / 1e6;
        ((Event *)work->to)->happened = 1;
    }
}

static int put(Stream *stream, Work work) {
    if (!has(STREAM, stream, sizeof *stream)) return INVALID_HANDLE;
    if (!stream->capturing) {
        run(&work);
        return OK;
    }
    if (stream->count == MAX_WORK) return OUT_OF_MEMORY;
    stream->work[stream->count++] = work;
    return OK;
}

/* --- driver, devices, contexts --- */

static int gpus(void) {
    const char *asked = getenv("FAKE_CUDA_DEVICES");
    return asked ? atoi(asked) : 1;
}

API int cuInit(unsigned flags) { (void)flags; return gpus() ? OK : NO_DEVICE; }
API int cuDriverGetVersion(int *version) { *version = 13010; return OK; }
API int cuDeviceGetCount(int *count) { *count = gpus(); return OK; }
API int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return ordinal >= 0 && ordinal < gpus() ? OK : INVALID_VALUE;
}
API int cuDeviceGetName(char *name, int size, int device) {
    (void)device;
    snprintf(name, size, "Stand-in GPU");
    return OK;
}
API int cuDeviceGetAttribute(int *value, int attribute, int device) {
    (void)device;
    *value = attribute == 75 ? 8 : attribute == 76 ? 6 : 1;
    return OK;
}
API int cuDeviceComputeCapability(int *major, int *minor, int device) {
    (void)device;
    *major = 8, *minor = 6;
    return OK;
}
API int cuDeviceTotalMem_v2(size_t *size, int device) {
    (void)device;
    *size = (size_t)1 << 33;
    return OK;
}
API int cuDevicePrimaryCtxRetain(void **context, int device) {
    (void)device;
    *context = the_context;
    live[CONTEXT]++;
    return OK;
}
API int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; live[CONTEXT]--; return OK; }
API int cuCtxPushCurrent_v2(void *context) {
    if (depth == MAX_STACK) return OUT_OF_MEMORY;
    stack[depth++] = context;
    return OK;
}
API int cuCtxPopCurrent_v2(void **context) {
    if (!depth) return INVALID_CONTEXT;
    void *top = stack[--depth];
    if (context) *context = top;
    return OK;
}
API int cuCtxGetCurrent(void **context) { *context = depth ? stack[depth - 1] : NULL; return OK; }
API int cuCtxSetCurrent(void *context) {
    if (!depth) depth = 1;
    stack[depth - 1] = context;
    return OK;
}
API int cuCtxGetDevice(int *device) { BEGIN; *device = 0; return OK; }
API int cuCtxGetApiVersion(void *context, unsigned *version) {
    (void)context;
    *version = 13010;
    return OK;
}
API int cuCtxSynchronize(void) { BEGIN; return OK; }
API int cuGetErrorName(int code, const char **name) {
    *name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OF_THE_STAND_IN";
    return OK;
}
API int cuGetErrorString(int code, const char **text) { return cuGetErrorName(code, text); }

/* --- memory --- */

API int cuMemAlloc_v2(ptr *out, size_t size) {
    BEGIN;
    void *at;
    int code = make(MEMORY, &at, size);
    *out = (ptr)at;
    return code;
}
API int cuMemFree_v2(ptr at) { BEGIN; return drop(MEMORY, (void *)at); }
API int cuMemHostAlloc(void **out, size_t size, unsigned flags) {
    (void)flags;
    BEGIN;
    return make(PINNED, out, size);
}
API int cuMemFreeHost(void *at) { BEGIN; return drop(PINNED, at); }
API int cuMemGetInfo_v2(size_t *unused, size_t *total) {
    BEGIN;
    *unused = *total = (size_t)1 << 33;
    return OK;
}
API int cuMemcpyHtoDAsync_v2(ptr to, const void *from, size_t size, void *stream) {
    BEGIN;
    if (!has(MEMORY, (void *)to, size) || !has(PINNED, from, size)) return INVALID_VALUE;
    return put(stream, (Work){.to = (void *)to, .from = from, .size = size});
}
API int cuMemcpyDtoHAsync_v2(void *to, ptr from, size_t size, void *stream) {
    BEGIN;
    if (!has(PINNED, to, size) || !has(MEMORY, (void *)from, size)) return INVALID_VALUE;
    return put(stream, (Work){.to = to, .from = (void *)from, .size = size});
}
API int cuMemcpyDtoDAsync_v2(ptr to, ptr from, size_t size, void *stream) {
    BEGIN;
    if (!has(MEMORY, (void *)to, size) || !has(MEMORY, (void *)from, size)) return INVALID_VALUE;
    return put(stream, (Work){.to = (void *)to, .from = (void *)from, .size = size});
}

/* --- streams and events --- */

API int cuStreamCreate(void **out, unsigned flags) {
    BEGIN;
    if (flags != 1) return INVALID_VALUE; /* a stream of ours must not wait for the default one */
    return make(STREAM, out, sizeof(Stream));
}
API int cuStreamDestroy_v2(void *stream) { BEGIN; return drop(STREAM, stream); }
API int cuStreamSynchronize(void *stream) {
    BEGIN;
    return has(STREAM, stream, sizeof(Stream)) ? OK : INVALID_HANDLE;
}
API int cuStreamQuery(void *stream) { return cuStreamSynchronize(stream); }
API int cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    (void)flags;
    BEGIN;
    return has(STREAM, stream, 1) && has(EVENT, event, 1) ? OK : INVALID_HANDLE;
}
API int cuLaunchHostFunc(void *stream, void (*call)(void *), void *data) {
    BEGIN;
    return put(stream, (Work){.to = data, .call = call});
}
API int cuEventCreate(void **out, unsigned flags) {
    (void)flags;
    BEGIN;
    return make(EVENT, out, sizeof(Event));
}
API int cuEventDestroy_v2(void *event) { BEGIN; return drop(EVENT, event); }
API int cuEventRecord(void *event, void *stream) {
    BEGIN;
    if (!has(EVENT, event, 1)) return INVALID_HANDLE;
    return put(stream, (Work){.to = event});
}
API int cuEventSynchronize(void *event) {
    BEGIN;
    return has(EVENT, event, 1) && ((Event *)event)->happened ? OK : INVALID_HANDLE;
}
API int cuEventQuery(void *event) { return cuEventSynchronize(event); }
API int cuEventElapsedTime_v2(float *ms, void *begin, void *end) {
    BEGIN;
    if (!has(EVENT, begin, 1) || !has(EVENT, end, 1)) return INVALID_HANDLE;
    *ms = ((Event *)end)->at - ((Event *)begin)->at;
    return OK;
}

/* --- graphs --- */

API int cuStreamBeginCapture_v2(void *stream, int mode) {
    BEGIN;
    if (mode != 1 || !has(STREAM, stream, 1)) return INVALID_VALUE; /* 1: this thread's alone */
    ((Stream *)stream)->capturing = 1;
    ((Stream *)stream)->count = 0;
    return OK;
}
API int cuStreamEndCapture(void *stream, void **graph) {
    BEGIN;
    Stream *from = stream;
    if (!has(STREAM, stream, 1) || !from->capturing) return INVALID_VALUE;
    from->capturing = 0;
    int code = make(GRAPH, graph, sizeof(Graph));
    if (code) return code;
    ((Graph *)*graph)->count = from->count;
    memcpy(((Graph *)*graph)->work, from->work, sizeof from->work);
    return OK;
}
API int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags) {
    (void)flags;
    BEGIN;
    if (!has(GRAPH, graph, 1)) return INVALID_HANDLE;
    int code = make(EXEC, exec, sizeof(Graph));
    if (!code) memcpy(*exec, graph, sizeof(Graph));
    return code;
}
API int cuGraphDestroy(void *graph) { BEGIN; return drop(GRAPH, graph); }
API int cuGraphExecDestroy(void *exec) { BEGIN; return drop(EXEC, exec); }
API int cuGraphLaunch(void *exec, void *stream) {
    BEGIN;
    if (!has(EXEC, exec, 1)) return INVALID_HANDLE;
    for (int i = 0; i < ((Graph *)exec)->count; i++) {
        int code = put(stream, ((Graph *)exec)->work[i]);
        if (code) return code;
    }
    return OK;
}

/* --- how cuda-python finds all of these: by name, the newer version first --- */

static void *find(const char *name) {
    static void *self;
    Dl_info here;
    if (!self && dladdr((void *)fake_live, &here))
        self = dlopen(here.dli_fname, RTLD_LAZY | RTLD_NOLOAD); /* it may be loaded for one alone */
    return dlsym(self, name);
}

API int cuGetProcAddress_v2(const char *name, void **at, int version, uint64_t flags, int *status) {
    (void)version, (void)flags;
    char newer[128];
    snprintf(newer, sizeof newer, "%s_v2", name);
    *at = find(newer);
    if (!*at) *at = find(name);
    if (!*at && !strcmp(name, "cuGraphInstantiate"))
        *at = find("cuGraphInstantiateWithFlags");
    if (status) *status = *at ? 0 : 1;
    return *at ? OK : NOT_FOUND;
}
API int cuGetProcAddress(const char *name, void **at, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, at, version, flags, NULL);
}

/* --- what pycuda links to and the tests do not call --- */

#define MISSING(name) API int name(void) { return NOT_SUPPORTED; }
MISSING(cuArray3DCreate_v2) MISSING(cuArray3DGetDescriptor_v2) MISSING(cuArrayCreate_v2)
MISSING(cuArrayDestroy) MISSING(cuArrayGetDescriptor_v2) MISSING(cuCtxAttach)
MISSING(cuCtxCreate_v4) MISSING(cuCtxDetach) MISSING(cuCtxDisablePeerAccess)
MISSING(cuCtxEnablePeerAccess) MISSING(cuCtxGetCacheConfig) MISSING(cuCtxGetLimit)
MISSING(cuCtxGetSharedMemConfig) MISSING(cuCtxSetCacheConfig) MISSING(cuCtxSetLimit)
MISSING(cuCtxSetSharedMemConfig) MISSING(cuDeviceCanAccessPeer) MISSING(cuDeviceGetByPCIBusId)
MISSING(cuDeviceGetPCIBusId) MISSING(cuFuncGetAttribute) MISSING(cuFuncSetAttribute)
MISSING(cuFuncSetBlockShape) MISSING(cuFuncSetCacheConfig) MISSING(cuFuncSetSharedSize)
MISSING(cuIpcCloseMemHandle) MISSING(cuIpcGetEventHandle) MISSING(cuIpcGetMemHandle)
MISSING(cuIpcOpenEventHandle) MISSING(cuIpcOpenMemHandle_v2) MISSING(cuLaunch)
MISSING(cuLaunchGrid) MISSING(cuLaunchGridAsync) MISSING(cuLaunchKernel) MISSING(cuLinkAddData_v2)
MISSING(cuLinkAddFile_v2) MISSING(cuLinkComplete) MISSING(cuLinkCreate_v2) MISSING(cuLinkDestroy)
MISSING(cuMemAllocManaged) MISSING(cuMemAllocPitch_v2) MISSING(cuMemGetAddressRange_v2)
MISSING(cuMemHostGetDevicePointer_v2) MISSING(cuMemHostGetFlags) MISSING(cuMemHostRegister_v2)
MISSING(cuMemHostUnregister) MISSING(cuMemcpy2DAsync_v2) MISSING(cuMemcpy2DUnaligned_v2)
MISSING(cuMemcpy2D_v2) MISSING(cuMemcpy3DAsync_v2) MISSING(cuMemcpy3DPeer)
MISSING(cuMemcpy3DPeerAsync) MISSING(cuMemcpy3D_v2) MISSING(cuMemcpyAtoA_v2)
MISSING(cuMemcpyAtoD_v2) MISSING(cuMemcpyAtoH_v2) MISSING(cuMemcpyDtoA_v2)
MISSING(cuMemcpyDtoD_v2) MISSING(cuMemcpyDtoH_v2) MISSING(cuMemcpyHtoA_v2)
MISSING(cuMemcpyHtoD_v2) MISSING(cuMemcpyPeer) MISSING(cuMemcpyPeerAsync)
MISSING(cuMemsetD16Async) MISSING(cuMemsetD16_v2) MISSING(cuMemsetD2D16Async)
MISSING(cuMemsetD2D16_v2) MISSING(cuMemsetD2D32Async) MISSING(cuMemsetD2D32_v2)
MISSING(cuMemsetD2D8Async) MISSING(cuMemsetD2D8_v2) MISSING(cuMemsetD32Async)
MISSING(cuMemsetD32_v2) MISSING(cuMemsetD8Async) MISSING(cuMemsetD8_v2)
MISSING(cuModuleGetFunction) MISSING(cuModuleGetGlobal_v2) MISSING(cuModuleGetSurfRef)
MISSING(cuModuleGetTexRef) MISSING(cuModuleLoad) MISSING(cuModuleLoadData)
MISSING(cuModuleLoadDataEx) MISSING(cuModuleUnload) MISSING(cuParamSetSize)
MISSING(cuParamSetTexRef) MISSING(cuParamSetf) MISSING(cuParamSeti) MISSING(cuParamSetv)
MISSING(cuProfilerInitialize) MISSING(cuProfilerStart) MISSING(cuProfilerStop)
MISSING(cuStreamAttachMemAsync) MISSING(cuSurfRefGetArray) MISSING(cuSurfRefSetArray)
MISSING(cuTexRefCreate) MISSING(cuTexRefDestroy) MISSING(cuTexRefGetAddressMode)
MISSING(cuTexRefGetAddress_v2) MISSING(cuTexRefGetArray) MISSING(cuTexRefGetFilterMode)
MISSING(cuTexRefGetFlags) MISSING(cuTexRefGetFormat) MISSING(cuTexRefSetAddress2D_v3)
MISSING(cuTexRefSetAddressMode) MISSING(cuTexRefSetAddress_v2) MISSING(cuTexRefSetArray)
MISSING(cuTexRefSetFilterMode) MISSING(cuTexRefSetFlags) MISSING(cuTexRefSetFormat)
