/* SPDX-License-Identifier: Apache-2.0 */
/* `stoa marathon`: the service framework. docs/marathon.md. */
#ifndef STOA_MARATHON_MAIN_H
#define STOA_MARATHON_MAIN_H

int marathon_main(int argc, char **argv);

#endif
