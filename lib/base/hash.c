#include "base/hash.h"

#include <unistd.h>

uint64_t hash_seed(void)
{
	uint64_t seed;

	/* A predictable start would only make hostile input slower. */
	if (getentropy(&seed, sizeof(seed)))
		seed = (uint64_t)(uintptr_t)&seed;
	return seed;
}

/* Multiply and fold, eight bytes a step. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m =
		(unsigned __int128)(a ^ 0x9e3779b97f4a7c15u) * (b ^ 0xd6e8feb86659fd93u);

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

uint64_t hash_bytes(uint64_t h, struct bytes v)
{
	uint64_t other, word;

	h = mix(h, v.n);
	/* Two chains, for the processor to follow at once. */
	for (other = mix(h, h); v.n >= 16; v = bytes_skip(v, 16)) {
		memcpy(&word, v.p, 8);
		h = mix(h ^ word, h);
		memcpy(&word, v.p + 8, 8);
		other = mix(other ^ word, other);
	}
	h = mix(h ^ other, h);
	for (; v.n >= 8; v = bytes_skip(v, 8)) {
		memcpy(&word, v.p, 8);
		h = mix(h ^ word, h);
	}
	word = 0;
	if (v.n > 0)
		memcpy(&word, v.p, v.n);
	return mix(h ^ word, h);
}
