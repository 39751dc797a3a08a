/* bcryptprimitives.dll for Wine 8, which lacks the one function that the runtime takes from it. */
#include <windows.h>

/* RtlGenRandom of ntsecapi.h, by the name under which advapi32.dll exports it. */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T size) {
  return SystemFunction036(buffer, (ULONG)size);
}
