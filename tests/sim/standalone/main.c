/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator as a program of its own: what `stoa sim` is, without the rest of the executable. */
int sim_main(int argc, char **argv);

int main(int argc, char **argv)
{
    return sim_main(argc, argv);
}
