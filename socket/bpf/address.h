// Addresses, all of which are kept as those of IPv6.

#pragma once

static __always_inline void map4(u8 to[16], u32 from)
{
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &from, 4);
}
