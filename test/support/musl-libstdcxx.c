/* What the C++ library, taken from Debian's static archive, wants of a C library and musl does not have. */
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((visibility("hidden"))) void *__dso_handle = &__dso_handle;
char __libc_single_threaded = 0;

unsigned arc4random(void) {
  unsigned value = 0;
  syscall(SYS_getrandom, &value, sizeof value, 0);
  return value;
}

/* "Not found": the unwinder then asks dl_iterate_phdr, which musl has. */
int _dl_find_object(void *address, void *result) {
  (void)address;
  (void)result;
  return -1;
}

size_t strftime_l(char *text, size_t size, const char *format, const void *time, void *locale);
size_t __strftime_l(char *text, size_t size, const char *format, const void *time, void *locale) {
  return strftime_l(text, size, format, time, locale);
}
