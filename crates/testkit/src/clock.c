/* Preloaded into a process under test: its wall clock stands as many seconds beside the real one as the file says that
 * GRAPEVINE_CLOCK_FILE names (8 bytes, a signed number in the machine's order). Changed while the process runs, its clock
 * jumps. Monotonic clocks stay; absolute deadlines on the wall clock are moved back, for the kernel knows the real time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none = 0;
static volatile int64_t *shift = &none;

__attribute__((constructor)) static void map_shift(void) {
    const char *path = getenv("GRAPEVINE_CLOCK_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) shift = mapped;
}

/* Some of these have older versions under the same name; the newest is meant. */
static void *next(const char *name, const char *version) {
    void *found = version ? dlvsym(RTLD_NEXT, name, version) : NULL;
    return found ? found : dlsym(RTLD_NEXT, name);
}

#define REAL(type, name, version)                     \
    static type real;                                 \
    if (!real) real = (type)next(name, version);

typedef int (*clock_gettime_t)(clockid_t, struct timespec *);
typedef int (*gettimeofday_t)(struct timeval *, void *);
typedef int (*cond_t)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
typedef int (*mutex_t)(pthread_mutex_t *, const struct timespec *);
typedef int (*sem_timed_t)(sem_t *, const struct timespec *);
typedef int (*cnd_timed_t)(cnd_t *, mtx_t *, const struct timespec *);
typedef int (*nanosleep_t)(clockid_t, int, const struct timespec *, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *out) {
    REAL(clock_gettime_t, "clock_gettime", NULL)
    int result = real(clock, out);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += *shift;
    return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    REAL(gettimeofday_t, "gettimeofday", NULL)
    int result = real(out, zone);
    if (result == 0 && out) out->tv_sec += *shift;
    return result;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *out, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
}

/* A deadline counted in years since 1970 is one of the wall clock; one since the start of the machine is not. */
static struct timespec moved_back(const struct timespec *deadline) {
    struct timespec moved = *deadline;
    if (moved.tv_sec > 1000000000) moved.tv_sec -= *shift;
    return moved;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *deadline) {
    REAL(cond_t, "pthread_cond_timedwait", "GLIBC_2.3.2")
    struct timespec moved = moved_back(deadline);
    return real(cond, mutex, &moved);
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *deadline) {
    REAL(mutex_t, "pthread_mutex_timedlock", NULL)
    struct timespec moved = moved_back(deadline);
    return real(mutex, &moved);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
    REAL(sem_timed_t, "sem_timedwait", NULL)
    struct timespec moved = moved_back(deadline);
    return real(semaphore, &moved);
}

int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *deadline) {
    REAL(cnd_timed_t, "cnd_timedwait", NULL)
    struct timespec moved = moved_back(deadline);
    return real(cond, mutex, &moved);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *rest) {
    REAL(nanosleep_t, "clock_nanosleep", NULL)
    if (clock != CLOCK_REALTIME || !(flags & TIMER_ABSTIME)) return real(clock, flags, time, rest);
    struct timespec moved = moved_back(time);
    return real(clock, flags, &moved, rest);
}
