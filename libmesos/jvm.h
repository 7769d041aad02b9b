/* SPDX-License-Identifier: Apache-2.0 */
/* What the natives need of the Java side: messages as bytes in both directions, text, ids, exceptions.
 *
 * Rules:
 * - A function that can fail leaves a Java exception pending and answers NULL or false; the native then returns at
 *   once, so that Java sees the exception.
 * - Local references that a function makes for itself it gives back, but for the one that it returns.
 * - Classes are found while a constructor of Java runs (jvm_class), with the loader of the driver's class: a thread
 *   of ours would ask the system's loader, which knows nothing of an application server's jars. They are kept as
 *   global references. */
#ifndef STOA_LIBMESOS_JVM_H
#define STOA_LIBMESOS_JVM_H

#include <jni.h>
#include <stdbool.h>

#include "common/base/sbuf.h"

/* The longest message taken from Java; a call of the scheduler API must not be longer. */
#define JVM_MESSAGE_MAX ((size_t)64 << 20)

/* The virtual machine that has loaded us. */
extern JavaVM *jvm;

/* A message class of Java: its parser. */
struct jvm_message {
    jclass class; /* global */
    jmethodID parse;
};

/* A global reference, or NULL. */
jclass jvm_class(JNIEnv *env, const char *name);
bool jvm_message_class(JNIEnv *env, const char *name, struct jvm_message *ret);
void jvm_message_done(JNIEnv *env, struct jvm_message *m);

/* Java object of these bytes. */
jobject jvm_parse(JNIEnv *env, const struct jvm_message *m, struct str bytes);
/* The same for OfferID, SlaveID and so on, whose field 1 is the text. */
jobject jvm_parse_id(JNIEnv *env, const struct jvm_message *m, struct str id);
jbyteArray jvm_bytes(JNIEnv *env, struct str bytes);
jstring jvm_string(JNIEnv *env, const char *utf8);

/* Appends what message.toByteArray() gives. NullPointerException with `what` for null. */
bool jvm_add_message(JNIEnv *env, struct sbuf *b, jobject message, const char *what);
/* Appends the message as field `number`; each element of a collection likewise. */
bool jvm_put_message(JNIEnv *env, struct sbuf *b, uint32_t number, jobject message, const char *what);
bool jvm_put_messages(JNIEnv *env, struct sbuf *b, uint32_t number, jobject collection, const char *what);
bool jvm_put_strings(JNIEnv *env, struct sbuf *b, uint32_t number, jobject collection, const char *what);
bool jvm_put_bytes(JNIEnv *env, struct sbuf *b, uint32_t number, jbyteArray bytes, const char *what);
bool jvm_add_bytes(JNIEnv *env, struct sbuf *b, jbyteArray bytes, const char *what);
/* Appends a String as UTF-8. */
bool jvm_add_string(JNIEnv *env, struct sbuf *b, jstring text, const char *what);

/* The object in a field of this, or NULL; false only with an exception. A field that the class does not have (an older
 * jar) counts as NULL. */
bool jvm_field(JNIEnv *env, jobject object, const char *name, const char *signature, jobject *ret);

void jvm_throw(JNIEnv *env, const char *class, const char *text);

/* Protos.Status of this number. NULL when an exception is pending or arises. */
jobject jvm_status(JNIEnv *env, int number);

/* An exception that came out of a callback: printed and taken away. True when there was one. */
bool jvm_caught(JNIEnv *env);

#endif
