/* Calls `drive` of few_of_python.c, which on Windows lies in python3.dll and elsewhere in the program itself. */

int drive(int count, char **words);

int main(int count, char **words) { return drive(count, words); }
