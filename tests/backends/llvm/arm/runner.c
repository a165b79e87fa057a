/* Runs programs of the llvm backend from a file of their memory; see machine.py.
 *
 * The file is 64-bit words: bytes of memory, jobs, addresses to complete, kernels to resolve,
 * threads, runs; then two words a job (state, counters) and one a job more (words of counters);
 * then places of words that count from the start of memory, places of words that number kernels;
 * then, from the next multiple of 64 on, the memory. What is left of it is written back.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern void zqcnn_run(int64_t *state, int64_t thread);
#define KERNEL(name) extern void name(int64_t *arguments);
#include "kernels.h"
#undef KERNEL
#define KERNEL(name) name,
static void (*const kernels[])(int64_t *) = {
#include "kernels.h"
};
#undef KERNEL

/* A bit of the control register that concerns half precision alone: a run has to leave it. */
#define MARK (UINT64_C(1) << 26)

struct work {
  int64_t *state, thread;
  uint64_t control;
};

static void *work(void *given) {
  struct work *w = given;
  __asm__ volatile("msr fpcr, %0" : : "r"(MARK));
  zqcnn_run(w->state, w->thread);
  __asm__ volatile("mrs %0, fpcr" : "=r"(w->control));
  return NULL;
}

static int64_t *words(FILE *file, int64_t count) {
  int64_t *found = malloc(8 * (size_t)count + 8);
  if (!found || fread(found, 8, (size_t)count, file) != (size_t)count) exit(2);
  return found;
}

int main(int count, char **names) {
  FILE *in = count == 3 ? fopen(names[1], "rb") : NULL;
  if (!in) return 2;
  int64_t *head = words(in, 6);
  int64_t size = head[0], jobs = head[1], threads = head[4], runs = head[5];
  int64_t *job = words(in, 3 * jobs);
  int64_t *places = words(in, head[2]), *calls = words(in, head[3]);
  fseek(in, (ftell(in) + 63) / 64 * 64, SEEK_SET);
  char *memory = aligned_alloc(64, (size_t)size);
  if (!memory || fread(memory, 1, (size_t)size, in) != (size_t)size) return 2;
  for (int64_t k = 0; k < head[2]; k++) *(int64_t *)(memory + places[k]) += (int64_t)memory;
  for (int64_t k = 0; k < head[3]; k++) {
    int64_t *word = (int64_t *)(memory + calls[k]);
    *word = (int64_t)kernels[*word];
  }
  for (int64_t j = 0; j < jobs; j++)
    for (int64_t run = 0; run < runs; run++) {
      pthread_t ids[8];
      struct work todo[8];
      memset(memory + job[3 * j + 1], 0, 8 * (size_t)job[3 * j + 2]);
      for (int64_t t = 0; t < threads; t++) {
        todo[t] = (struct work){(int64_t *)(memory + job[3 * j]), t, 0};
        if (pthread_create(&ids[t], NULL, work, &todo[t])) return 2;
      }
      for (int64_t t = 0; t < threads; t++) {
        pthread_join(ids[t], NULL);
        if (todo[t].control != MARK) return 3;
      }
    }
  FILE *out = fopen(names[2], "wb");
  if (!out || fwrite(memory, 1, (size_t)size, out) != (size_t)size || fclose(out)) return 2;
  return 0;
}
