/* A small libnvidia-ml.so.1 for tests: two devices whose memory grows by 64 MiB a sample.

   The environment is read at every call, so a test can change the driver's mood on the way:
     FAKE_NVML_FAIL="func=code@after[+count][/device];..."
         calls of `func` (or `*`: every call about a device) fail with `code` once `after` calls
         of it have succeeded, for `count` calls or for ever, on one device or on all
     FAKE_NVML_PIDS="12,34"   processes on device 0, 1000 MiB each
     FAKE_NVML_MIG=1          device 0 is split into two instances
     FAKE_NVML_BLANK=1        the driver answers, but with "not available" or nothing
     FAKE_NVML_THROTTLE=bits  clock event reasons
     FAKE_NVML_XIDS="79/0,31/1"  errors of devices, told one by one to who listens
   -DOLD_DRIVER leaves out what older drivers do not export. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned int u32;
typedef unsigned long long u64;
struct unit { int index; int instance; };
typedef struct unit *device_t;

static struct unit gpus[2] = {{0, -1}, {1, -1}};
static struct unit instances[2] = {{0, 0}, {0, 1}};
static const char *uuids[2] = {"GPU-00000000-aaaa", "GPU-00000000-bbbb"};
static const char *instance_uuids[2] = {"MIG-00000000-aa01", "MIG-00000000-aa02"};
static u64 grown[2];

struct count { char name[64]; int device; int calls; };
static struct count counts[256];
static int known;

static int calls_before(const char *name, int device) {
    for (int i = 0; i < known; i++)
        if (counts[i].device == device && !strcmp(counts[i].name, name)) return counts[i].calls++;
    if (known == 256) return 0;
    snprintf(counts[known].name, sizeof counts[known].name, "%s", name);
    counts[known].device = device;
    counts[known++].calls = 1;
    return 0;
}

static int verdict(const char *name, int device) {
    int before = calls_before(name, device);
    const char *wanted = getenv("FAKE_NVML_FAIL");
    char copy[1024], *rest;
    if (!wanted) return 0;
    snprintf(copy, sizeof copy, "%s", wanted);
    for (char *part = strtok_r(copy, ";", &rest); part; part = strtok_r(NULL, ";", &rest)) {
        char *equals = strchr(part, '='), *at, *plus, *slash;
        if (!equals) continue;
        *equals = 0;
        if (strcmp(part, name) && !(device >= 0 && !strcmp(part, "*"))) continue;
        at = strchr(equals + 1, '@');
        plus = strchr(equals + 1, '+');
        slash = strchr(equals + 1, '/');
        int after = at ? atoi(at + 1) : 0;
        if (slash && atoi(slash + 1) != device) continue;
        if (before < after || (plus && before >= after + atoi(plus + 1))) continue;
        return atoi(equals + 1);
    }
    return 0;
}

#define ASK(device) \
    do { int code = verdict(__func__, device); if (code) return code; } while (0)
#define ON(name) (getenv(name) && *getenv(name) == '1')

int nvmlInitWithFlags(u32 flags) { (void)flags; ASK(-1); return 0; }
int nvmlShutdown(void) { ASK(-1); return 0; }
const char *nvmlErrorString(int code) { (void)code; return "made up"; }
int nvmlDeviceGetCount_v2(u32 *count) { ASK(-1); *count = 2; return 0; }

int nvmlDeviceGetHandleByIndex_v2(u32 index, device_t *device) {
    ASK((int)index);
    if (index > 1) return 2;
    *device = &gpus[index];
    return 0;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, device_t *device) {
    for (int i = 0; i < 2; i++)
        if (!strcmp(uuid, uuids[i])) { ASK(i); *device = &gpus[i]; return 0; }
    return 6;
}

int nvmlDeviceGetUUID(device_t device, char *text, u32 size) {
    ASK(device->index);
    snprintf(text, size, "%s",
             device->instance < 0 ? uuids[device->index] : instance_uuids[device->instance]);
    return 0;
}

int nvmlDeviceGetName(device_t device, char *text, u32 size) {
    ASK(device->index);
    snprintf(text, size, "Fake GPU %d", device->index);
    return 0;
}

static u64 used_of(device_t device) { return (1000 + 64 * grown[device->index]++) * 1048576ULL; }

struct memory { u64 total, free, used; };
int nvmlDeviceGetMemoryInfo(device_t device, struct memory *memory) {
    ASK(device->index);
    memory->total = ON("FAKE_NVML_BLANK") ? 0 : 16384 * 1048576ULL;
    memory->used = ON("FAKE_NVML_BLANK") ? 0 : used_of(device) + 300 * 1048576ULL;
    memory->free = memory->total - memory->used;
    return 0;
}

#ifndef OLD_DRIVER
struct memory_v2 { u32 version; u64 total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(device_t device, struct memory_v2 *memory) {
    ASK(device->index);
    if (memory->version != 0x02000028) return 25;
    if (ON("FAKE_NVML_BLANK")) {
        memory->total = 0;
        memory->reserved = memory->free = memory->used = 0;
        return 0;
    }
    memory->total = (device->instance < 0 ? 16384 : 4864) * 1048576ULL;
    memory->reserved = 300 * 1048576ULL;
    memory->used = used_of(device);
    memory->free = memory->total - memory->used - memory->reserved;
    return 0;
}

int nvmlDeviceGetCurrentClocksEventReasons(device_t device, u64 *reasons) {
    ASK(device->index);
    const char *bits = getenv("FAKE_NVML_THROTTLE");
    *reasons = ON("FAKE_NVML_BLANK") ? ~0ULL : bits ? strtoull(bits, NULL, 0) : 4;
    return 0;
}
#endif

int nvmlDeviceGetCurrentClocksThrottleReasons(device_t device, u64 *reasons) {
    ASK(device->index);
    *reasons = 0x40;
    return 0;
}

int nvmlDeviceGetUtilizationRates(device_t device, u32 *rates) {
    ASK(device->index);
    if (device->instance >= 0 || (ON("FAKE_NVML_MIG") && device->index == 0)) return 3;
    rates[0] = ON("FAKE_NVML_BLANK") ? ~0U : 90 + (u32)device->index;
    rates[1] = ON("FAKE_NVML_BLANK") ? ~0U : 40;
    return 0;
}

static int plain(device_t device, u32 *answer, u32 here) {
    if (device->instance >= 0) return 3;
    *answer = ON("FAKE_NVML_BLANK") ? ~0U : here;
    return 0;
}

int nvmlDeviceGetTemperature(device_t device, u32 sensor, u32 *degrees) {
    (void)sensor;
    ASK(device->index);
    return plain(device, degrees, 61);
}

int nvmlDeviceGetPowerUsage(device_t device, u32 *milliwatts) {
    ASK(device->index);
    return plain(device, milliwatts, 250500);
}

int nvmlDeviceGetEnforcedPowerLimit(device_t device, u32 *milliwatts) {
    ASK(device->index);
    return plain(device, milliwatts, 300000);
}

int nvmlDeviceGetTotalEccErrors(device_t device, u32 type, u32 counter, u64 *errors) {
    ASK(device->index);
    if (type != 1 || counter != 0 || device->instance >= 0) return 3;
    *errors = ON("FAKE_NVML_BLANK") ? ~0ULL : 0;
    return 0;
}

struct process { u32 pid; u64 memory; u32 gpu_instance, compute_instance; };
static int running(device_t device, u32 *count, struct process *found) {
    const char *pids = getenv("FAKE_NVML_PIDS");
    u32 room = *count, held = 0;
    for (const char *at = pids; device->index == 0 && at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        if (found && held < room) {
            memset(&found[held], 0, sizeof found[held]);
            found[held].pid = (u32)atoi(at);
            found[held].memory = ON("FAKE_NVML_BLANK") ? ~0ULL : 1000 * 1048576ULL;
        }
        held++;
    }
    *count = held;
    return held > room || (held && !found) ? 7 : 0;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetComputeRunningProcesses_v3(device_t device, u32 *count, struct process *found) {
    ASK(device->index);
    return running(device, count, found);
}
#endif

int nvmlDeviceGetComputeRunningProcesses_v2(device_t device, u32 *count, struct process *found) {
    ASK(device->index);
    return running(device, count, found);
}

int nvmlDeviceGetMigMode(device_t device, u32 *now, u32 *pending) {
    ASK(device->index);
    if (device->index == 1) return 3;
    *now = *pending = ON("FAKE_NVML_MIG") ? 1 : 0;
    return 0;
}

int nvmlDeviceGetMaxMigDeviceCount(device_t device, u32 *count) {
    ASK(device->index);
    *count = 7;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(device_t device, u32 index, device_t *instance) {
    ASK(device->index);
    if (index > 1) return 6;
    *instance = &instances[index];
    return 0;
}

static int listened, told;
int nvmlEventSetCreate(void **set) { ASK(-1); *set = &listened; return 0; }
int nvmlEventSetFree(void *set) { (void)set; ASK(-1); listened = 0; return 0; }

int nvmlDeviceGetSupportedEventTypes(device_t device, u64 *types) {
    ASK(device->index);
    *types = 0x1b;
    return 0;
}

int nvmlDeviceRegisterEvents(device_t device, u64 types, void *set) {
    (void)set;
    ASK(device->index);
    if (types != 8 || device->instance >= 0) return 3;
    listened |= 1 << device->index;
    return 0;
}

struct event { device_t device; u64 type, data; u32 gpu_instance, compute_instance; };
int nvmlEventSetWait_v2(void *set, struct event *event, u32 timeout_ms) {
    (void)set;
    ASK(-1);
    if (timeout_ms) return 2; /* a watch must not wait */
    const char *at = getenv("FAKE_NVML_XIDS");
    for (int skip = told; at && skip; skip--) at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL;
    if (!at || !*at) return 10;
    told++;
    memset(event, 0, sizeof *event);
    event->device = &gpus[atoi(strchr(at, '/') + 1)];
    event->type = 8;
    event->data = (u64)atoi(at);
    return listened & (1 << event->device->index) ? 0 : 10;
}
