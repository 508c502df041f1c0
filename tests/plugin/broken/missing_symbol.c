/* A library that was linked without what it needs. */
extern int a_function_nobody_has(void);
int (*const peftlab_method)(void) = a_function_nobody_has;
