// Carries the precompiled headers of the tests (tests/CMakeLists.txt); it does nothing.
int main() { return 0; }
