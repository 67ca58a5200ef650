/* Stands in for libnvidia-ml.so.1 where no NVIDIA driver is. The environment says how it behaves:
 *   STANDIN_GPUS     how many GPUs there are
 *   STANDIN_INIT     what entering the library returns (0: it works)
 *   STANDIN_DRIVER   what every call after that returns (0: they work)
 *   STANDIN_REFUSES  names of calls that are not supported, each followed by a comma
 *   STANDIN_LOST     index of a GPU that fell off its bus
 *   STANDIN_HANG     seconds that counting the GPUs takes
 * and standin_entered() tells how often the library was entered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, INVALID = 2, TOO_SMALL = 7, LOST = 15 };

typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned int gpu, memory; } rates_t;
typedef struct {
    char legacy[16];
    unsigned int domain, bus, device, id, subsystem;
    char place[32];
} pci_t;
typedef struct { unsigned int pid; unsigned long long used; unsigned int instance, compute; } process_t;

static char cards[64];
static int entered;

static int number(const char *name) {
    const char *value = getenv(name);
    return value && *value ? atoi(value) : 0;
}

static int answer(const char *call) {
    const char *refused = getenv("STANDIN_REFUSES");
    char listed[80];
    if (number("STANDIN_DRIVER")) return number("STANDIN_DRIVER");
    snprintf(listed, sizeof listed, "%s,", call);
    return refused && strstr(refused, listed) ? NOT_SUPPORTED : OK;
}

static unsigned int index_of(void *card) { return (unsigned int)((char *)card - cards); }

int nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    entered++;
    return number("STANDIN_INIT");
}

int standin_entered(void) { return entered; }

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) { return OK; }

int nvmlSystemGetDriverVersion(char *version, unsigned int size) {
    snprintf(version, size, "570.86.15");
    return OK;
}

int nvmlDeviceGetCount_v2(unsigned int *count) {
    sleep((unsigned int)number("STANDIN_HANG"));
    *count = (unsigned int)number("STANDIN_GPUS");
    return answer("count");
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **card) {
    const char *lost = getenv("STANDIN_LOST");
    if (lost && *lost && (unsigned int)atoi(lost) == index) return LOST;
    if (index >= sizeof cards) return INVALID;
    *card = cards + index;
    return answer("handle");
}

int nvmlDeviceGetName(void *card, char *name, unsigned int size) {
    (void)card;
    snprintf(name, size, "NVIDIA GeForce RTX 4090");
    return answer("name");
}

int nvmlDeviceGetUUID(void *card, char *uuid, unsigned int size) {
    snprintf(uuid, size, "GPU-0000-%u", index_of(card));
    return answer("uuid");
}

int nvmlDeviceGetMemoryInfo(void *card, memory_t *memory) {
    memory->total = 24ULL << 30;
    memory->used = (1ULL + index_of(card)) << 30;
    memory->free = memory->total - memory->used;
    return answer("memory");
}

int nvmlDeviceGetUtilizationRates(void *card, rates_t *rates) {
    rates->gpu = 40 + index_of(card);
    rates->memory = 7;
    return answer("utilization");
}

int nvmlDeviceGetTemperature(void *card, int sensor, unsigned int *celsius) {
    (void)sensor;
    *celsius = 60 + index_of(card);
    return answer("temperature");
}

int nvmlDeviceGetPowerUsage(void *card, unsigned int *milliwatts) {
    *milliwatts = 215500 + 1000 * index_of(card);
    return answer("power");
}

static void put_place(pci_t *pci, unsigned int bus) {
    memset(pci, 0, sizeof *pci);
    pci->bus = bus;
    snprintf(pci->place, sizeof pci->place, "00000000:%02X:00.0", bus);
}

static unsigned int bus_of(unsigned int index) { return 0x1A + index; }

int nvmlDeviceGetPciInfo_v3(void *card, pci_t *pci) {
    put_place(pci, bus_of(index_of(card)));
    return answer("bus");
}

int nvmlDeviceGetCurrPcieLinkGeneration(void *card, unsigned int *generation) {
    *generation = 4 + index_of(card);
    return answer("generation");
}

int nvmlDeviceGetCurrPcieLinkWidth(void *card, unsigned int *width) {
    (void)card;
    *width = 16;
    return answer("width");
}

/* Four links: two to the neighbour, where there is one; one to a switch; one that is down. */
enum { LINKS = 4, SWITCH = 0xC0 };

int nvmlDeviceGetNvLinkState(void *card, unsigned int link, unsigned int *active) {
    (void)card;
    if (link >= LINKS) return INVALID;
    *active = link < 2 ? number("STANDIN_GPUS") > 1 : link == 2;
    return answer("nvlink");
}

int nvmlDeviceGetNvLinkRemotePciInfo_v2(void *card, unsigned int link, pci_t *pci) {
    put_place(pci, link < 2 ? bus_of(index_of(card) ^ 1) : SWITCH);
    return answer("peer");
}

/* As many processes as the index of the GPU. */
int nvmlDeviceGetComputeRunningProcesses_v3(void *card, unsigned int *count, process_t *processes) {
    unsigned int running = index_of(card), room = *count;
    int refused = answer("processes");
    if (refused) return refused;
    *count = running;
    if (!running) return OK;
    if (!processes || room < running) return TOO_SMALL;
    for (unsigned int i = 0; i < running; i++) processes[i] = (process_t){1000 + i, 1ULL << 30, ~0U, ~0U};
    return OK;
}
