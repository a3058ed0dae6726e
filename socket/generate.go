package socket

// The programs are compiled from C, for both byte orders, and committed. It
// takes clang-16, llvm-16 and libbpf-dev of Debian: see scripts/generate.
//go:generate go tool bpf2go -go-package socket -cc clang-16 -strip llvm-strip-16 -target bpfel,bpfeb -type flow_key -type flow -type who -type user -type owner -type event -type kind -type total -type place bpf bpf/socket.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
//go:generate go tool bpf2go -go-package socket -cc clang-16 -strip llvm-strip-16 -target bpfel,bpfeb -type holder holders bpf/holders.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
