/* SPDX-License-Identifier: Apache-2.0 */
/* Names of natives. Every one is exported under its long name (JNI specification, "Resolving Native Method Names"), the
 * one with the arguments: a virtual machine tries the short name first, and several methods of these classes are
 * overloaded in some versions of the jar and not in others. */
#ifndef STOA_LIBMESOS_NATIVE_H
#define STOA_LIBMESOS_NATIVE_H

#include <jni.h>
#include <stdbool.h>

/* Java calls them by name; nobody declares them. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define NATIVE(ret, class, name, args) JNIEXPORT ret JNICALL Java_org_apache_mesos_##class##_##name##__##args

/* The native struct behind a Java object: its field of type long. NULL with an exception when there is none. */
void *native_get(JNIEnv *env, jobject object, const char *field);
/* The same without exception, for finalize. */
void *native_peek(JNIEnv *env, jobject object, const char *field);
void native_set(JNIEnv *env, jobject object, const char *field, void *p);


/* The fields master and credential (of this signature) of a Java object, as texts to be freed; without a secret principal and
 * secret are NULL. False with an exception. */
bool native_master(JNIEnv *env, jobject object, const char *credential, char **ret_master, char **ret_principal,
                   char **ret_secret);

#endif
