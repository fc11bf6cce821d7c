/* How a Python runtime is started: PYTHON -c TT_PYTHON_BOOT MODE PKGDIR [preload ...]
 *
 * MODE is "engine", "zygote" or "local"; PKGDIR the directory that holds the package `tutti`.
 * The text puts PKGDIR where `-c` put the working directory, so that nothing lying there is
 * imported instead of the package or the standard library; tutti.boot restores sys.path for the
 * user. */
#ifndef TUTTI_BOOT_H
#define TUTTI_BOOT_H

#define TT_PYTHON_BOOT                                                                         \
    "import sys;sys.path[:sys.path[:1]==['']]=sys.argv[2:3];"                                  \
    "import tutti.boot;tutti.boot.main()"

#endif
