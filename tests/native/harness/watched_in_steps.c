/* Follows an operation through the machine's real instructions, one at a time, and prints one line for it:
 *
 *   trace STEPS FLOW ADDRESSES GATHERS
 *
 * FLOW is a hash over every instruction's place, ADDRESSES over every address that an instruction reads or writes.
 * Two runs over different secrets with the same line took the same way and touched the same memory. GATHERS counts
 * instructions whose addresses stand in a vector register, which this does not see.
 *
 * How: the processor's trap flag makes it stop after each instruction; the signal handler finds all registers in its
 * context. Which memory operands stand where is read from a file that test_traces.py makes from the disassembly:
 * lines "place base index scale displacement", the registers by their number in the handler's context, -1 for none,
 * -2 as index for a vector register. The program must be linked statically and at a fixed place.
 */

#include "watched.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ucontext.h>

#define MAX_OPERANDS 400000
#define TEXT_START UINT64_C(0x400000)
#define TEXT_BYTES (4u << 20)
#define NONE (-1)
#define VECTOR (-2)

typedef struct {
    int base, index, scale;
    int64_t displacement;
} operand;

static operand operands[MAX_OPERANDS];
static int first_at[TEXT_BYTES];  /* 1 + the place in `operands`; 0 for none */
static uint8_t how_many[TEXT_BYTES];
static uint64_t steps, flow, addresses, gathers, outside;
static uint8_t handler_stack[1 << 16];

static uint64_t mixed(uint64_t hash, uint64_t value) { return (hash ^ value ^ (hash >> 29)) * UINT64_C(0x9e3779b97f4a7c15); }

static void step(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    (void)info;
    const long long *registers = ((const ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t place = (uint64_t)registers[REG_RIP] - TEXT_START;
    steps++;
    flow = mixed(flow, place);
    addresses = mixed(addresses, (uint64_t)registers[REG_RSP]); /* push, pop, call and ret go there */
    if (place >= TEXT_BYTES) {
        outside++;
        return;
    }
    for (int i = 0; i < how_many[place]; i++) {
        const operand *o = &operands[first_at[place] - 1 + i];
        uint64_t address = (uint64_t)o->displacement;
        gathers += o->index == VECTOR;
        address += o->base >= 0 ? (uint64_t)registers[o->base] : 0;
        address += o->index >= 0 ? (uint64_t)registers[o->index] * (uint64_t)o->scale : 0;
        addresses = mixed(addresses, address);
    }
}

static void read_operands(void)
{
    const char *name = getenv("STEP_OPERANDS");
    FILE *file = name == NULL ? NULL : fopen(name, "r");
    if (file == NULL) {
        exit(7);
    }
    unsigned long place;
    long long displacement;
    operand o;
    int n = 0;
    while (fscanf(file, "%lx %d %d %d %lld", &place, &o.base, &o.index, &o.scale, &displacement) == 5) {
        uint64_t at = place - TEXT_START;
        if (at >= TEXT_BYTES || n == MAX_OPERANDS) {
            exit(8);
        }
        o.displacement = displacement;
        operands[n++] = o;
        first_at[at] = first_at[at] == 0 ? n : first_at[at];
        how_many[at]++;
    }
    fclose(file);

    stack_t own = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    if (n == 0 || sigaltstack(&own, NULL) != 0 || sigaction(SIGTRAP, &action, NULL) != 0) {
        exit(9);
    }
}

#define TRAP_FLAG "0x100"

__attribute__((noinline)) ptrdiff_t watched(operation *call, void *stage)
{
    static int ready;
    if (!ready) {
        read_operands();
        ready = 1;
    }
    steps = flow = addresses = gathers = outside = 0;
    __asm__ __volatile__("pushfq\n\torq $" TRAP_FLAG ", (%%rsp)\n\tpopfq" : : : "memory", "cc");
    ptrdiff_t verdict = call(stage);
    __asm__ __volatile__("pushfq\n\tandq $~" TRAP_FLAG ", (%%rsp)\n\tpopfq" : : : "memory", "cc");
    printf("trace %llu %016llx %016llx %llu\n", (unsigned long long)steps, (unsigned long long)flow,
           (unsigned long long)addresses, (unsigned long long)(gathers + outside));
    return verdict;
}
