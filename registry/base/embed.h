/* embed.h - a file of the source tree inside the program, so that one binary is enough on a batch node.
 *
 *     VB_EMBED(universe8, "registry/universes/8.yaml");     then     vb_embedded_universe8(&length)
 *
 * The path is relative to the project's root, which the build gives the assembler as an include directory. */
#ifndef VB_BASE_EMBED_H
#define VB_BASE_EMBED_H

#include <stddef.h>

#define VB_EMBED(name, path)                                                                                 \
    __asm__(".pushsection .rodata\n"                                                                         \
            ".balign 8\n"                                                                                    \
            "vb_embed_" #name ":\n"                                                                          \
            ".incbin \"" path "\"\n"                                                                         \
            "vb_embed_" #name "_end:\n"                                                                      \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const char vb_embed_##name[] __attribute__((visibility("hidden")));                               \
    extern const char vb_embed_##name##_end[] __attribute__((visibility("hidden")));                         \
    static inline const char *vb_embedded_##name(size_t *length)                                             \
    {                                                                                                        \
        *length = (size_t)(vb_embed_##name##_end - vb_embed_##name);                                         \
        return vb_embed_##name;                                                                              \
    }                                                                                                        \
    struct vb_embed_##name##_semicolon

#endif
