/* A shared library, but not a method. */
int answer(void) { return 42; }
