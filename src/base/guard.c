/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.c - the table of guarded mappings and the handler of SIGBUS.
 *
 * The handler may run at any instruction of any thread, so the table is read
 * without locks and never shrinks: blocks of slots, linked, never freed. A slot
 * is free, taken (being filled), or has the address of its mapping. The thread
 * that faults is using the mapping, so its own slot does not change under the
 * handler, whatever happens to the others.
 *
 * All of the mapping is replaced, not the page alone: a file that cannot be
 * read in one place is not to be trusted until it is opened again, and one
 * replacement costs the kernel one area where thousands would exhaust it.
 *
 * guard_run() is for LMDB alone, which believes what it reads: a thread that is
 * in it jumps back. The signal comes from an access to memory, never from
 * within the C library's own work, so that no lock of the library's is held.
 */
#include "base/guard.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS 256u
#define SLOT_FREE ((uintptr_t)0)
#define SLOT_TAKEN ((uintptr_t)1)
#define NO_FAULT UINT64_MAX

struct Guard {
    _Atomic uintptr_t address; /* or SLOT_FREE, SLOT_TAKEN */
    _Atomic size_t size;
    _Atomic uint64_t fault; /* offset, NO_FAULT */
    struct GuardBlock *block;
};

typedef struct GuardBlock {
    _Atomic(struct GuardBlock *) next;
    atomic_uint used;
    Guard slots[SLOTS];
} GuardBlock;

static GuardBlock first_block;
static atomic_uint damaged;
static struct sigaction previous;
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static _Thread_local sigjmp_buf *way_out; /* of guard_run(), NULL: not in it */

/* ---- the handler: no locks, no memory, errno kept ---- */

static Guard *
find_in(GuardBlock *block, uintptr_t address)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        Guard *guard = &block->slots[i];
        uintptr_t begin = atomic_load(&guard->address);
        if (begin > SLOT_TAKEN && address >= begin &&
            address - begin < atomic_load(&guard->size))
            return guard;
    }
    return NULL;
}

static Guard *
find(uintptr_t address)
{
    GuardBlock *block = &first_block;
    Guard *found = NULL;
    while (block != NULL && found == NULL) {
        found = find_in(block, address);
        block = atomic_load(&block->next);
    }
    return found;
}

/* Note the fault first: whoever sees a zero can see the note. The system call
 * itself, since a sanitizer's mmap() does more than a handler may. */
static bool
replace(Guard *guard, uintptr_t address)
{
    uintptr_t begin = atomic_load(&guard->address);
    uint64_t none = NO_FAULT;
    uint64_t page = (address - begin) / 4096 * 4096;
    if (atomic_compare_exchange_strong(&guard->fault, &none, page))
        atomic_fetch_add(&damaged, 1);
    long result =
        syscall(SYS_mmap, begin, atomic_load(&guard->size), PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    return result == (long)begin;
}

/* What would have happened without us. */
static void
pass_on(int number, siginfo_t *info, void *context)
{
    if ((previous.sa_flags & SA_SIGINFO) != 0) {
        previous.sa_sigaction(number, info, context);
        return;
    }
    if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
        return;
    }
    if (previous.sa_handler == SIG_IGN && info->si_code <= 0)
        return;
    /* The instruction is tried again, or the signal sent again, and kills. */
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigemptyset(&usual.sa_mask);
    sigaction(number, &usual, NULL);
    if (info->si_code <= 0)
        raise(number);
}

void
guard_leave(void)
{
    if (way_out != NULL)
        siglongjmp(*way_out, 1);
}

static void
on_fault(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    /* si_code above 0: by the kernel, for an address. */
    Guard *guard = info->si_code > 0 ? find((uintptr_t)info->si_addr) : NULL;
    bool is_ours = guard != NULL && replace(guard, (uintptr_t)info->si_addr);
    errno = saved;
    if (guard == NULL && info->si_code > 0)
        guard_leave();
    if (!is_ours)
        pass_on(number, info, context);
}

static void
install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous);
}

bool
guard_run(void (*work)(void *context), void *context)
{
    sigjmp_buf back;
    sigjmp_buf *volatile before = way_out;
    pthread_once(&installed, install);
    bool is_done = sigsetjmp(back, 1) == 0;
    if (is_done) {
        way_out = &back;
        work(context);
    }
    way_out = before;
    return is_done;
}

/* ---- the table ---- */

static Guard *
take_slot(GuardBlock *block)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        Guard *guard = &block->slots[i];
        uintptr_t expected = SLOT_FREE;
        if (!atomic_compare_exchange_strong(&guard->address, &expected,
                                            SLOT_TAKEN))
            continue;
        atomic_fetch_add(&block->used, 1);
        guard->block = block;
        return guard;
    }
    return NULL;
}

/* The block after `block`, made when there is none; NULL: out of memory. */
static GuardBlock *
next_block(GuardBlock *block)
{
    GuardBlock *next = atomic_load(&block->next);
    if (next != NULL)
        return next;
    GuardBlock *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    if (atomic_compare_exchange_strong(&block->next, &next, made))
        return made;
    free(made); /* another thread was first */
    return next;
}

Guard *
guard_add(const void *address, size_t size)
{
    pthread_once(&installed, install);
    GuardBlock *block = &first_block;
    Guard *guard = NULL;
    while (block != NULL && guard == NULL) {
        if (atomic_load(&block->used) < SLOTS)
            guard = take_slot(block);
        if (guard == NULL)
            block = next_block(block);
    }
    if (guard == NULL)
        return NULL;
    atomic_store(&guard->size, size);
    atomic_store(&guard->fault, NO_FAULT);
    atomic_store(&guard->address, (uintptr_t)address);
    return guard;
}

void
guard_remove(Guard *guard)
{
    if (guard == NULL)
        return;
    if (atomic_load(&guard->fault) != NO_FAULT)
        atomic_fetch_sub(&damaged, 1);
    GuardBlock *block = guard->block;
    atomic_store(&guard->address, SLOT_FREE);
    atomic_fetch_sub(&block->used, 1);
}

bool
guard_has_fault(const Guard *guard, uint64_t *offset)
{
    uint64_t fault = atomic_load(&guard->fault);
    if (offset != NULL)
        *offset = fault;
    return fault != NO_FAULT;
}

uint32_t
guard_damaged(void)
{
    return atomic_load(&damaged);
}

void
guard_note_damage(void)
{
    atomic_fetch_add(&damaged, 1);
}

void
guard_forget_damage(void)
{
    atomic_fetch_sub(&damaged, 1);
}
