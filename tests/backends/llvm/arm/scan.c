/* Calls one kernel: reads its arguments and memory from a file, and writes the memory to another. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTERS = 6, WORDS = 24 };

void KERNEL(int64_t *args);

int main(int count, char **names) {
    if (count != 3) return 2;
    FILE *file = fopen(names[1], "rb");
    if (!file || fseek(file, 0, SEEK_END)) return 2;
    long size = ftell(file);
    rewind(file);
    char *memory = malloc(size);
    if (!memory || fread(memory, 1, size, file) != (size_t)size) return 2;
    fclose(file);
    /* Arguments come first: where arrays start in the file, and integers. */
    int64_t args[WORDS], *given = (int64_t *)memory;
    for (int k = 0; k < WORDS; k++) args[k] = given[k] + (k < POINTERS ? (int64_t)memory : 0);
    KERNEL(args);
    file = fopen(names[2], "wb");
    if (!file || fwrite(memory, 1, size, file) != (size_t)size) return 2;
    return fclose(file) ? 2 : 0;
}
