/* What Python.h wants to know about a machine that we compile for, and that we have not got: 64 bits, little-endian.
 *
 * A Python's own pyconfig.h describes the machine it was built on. The stable interface needs little of it, and that
 * little follows from the compiler's own words. Used by cross.py in place of the installed file.
 */

#ifndef Py_PYCONFIG_H
#define Py_PYCONFIG_H

#define SIZEOF_SHORT __SIZEOF_SHORT__
#define SIZEOF_INT __SIZEOF_INT__
#define SIZEOF_LONG __SIZEOF_LONG__ /* 4 on Windows */
#define SIZEOF_LONG_LONG __SIZEOF_LONG_LONG__
#define SIZEOF_FLOAT __SIZEOF_FLOAT__
#define SIZEOF_DOUBLE __SIZEOF_DOUBLE__
#define SIZEOF_SIZE_T __SIZEOF_SIZE_T__
#define SIZEOF_VOID_P __SIZEOF_POINTER__
#define SIZEOF_WCHAR_T __SIZEOF_WCHAR_T__
#define HAVE_STDINT_H 1
#define HAVE_INTTYPES_H 1
#define WITH_THREAD 1

#if defined(_WIN32)
#define MS_WINDOWS
#define MS_WIN32
#define MS_WIN64
#define HAVE_DECLSPEC_DLL /* what is python3.dll's comes from there, what is ours is found by it */
#define Py_ENABLE_SHARED
#else
#define HAVE_UNISTD_H 1
#endif

#endif
