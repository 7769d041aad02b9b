/* SPDX-License-Identifier: Apache-2.0 */
/* Every helper looks methods up when it is called: a look-up costs less than a tenth of the conversion beside it, and
 * there is nothing to keep and to release. */
#include "libmesos/jvm.h"

#include "common/wire/field.h"

JavaVM *jvm;

jclass jvm_class(JNIEnv *env, const char *name)
{
    jclass local = (*env)->FindClass(env, name);
    jclass global = local != NULL ? (*env)->NewGlobalRef(env, local) : NULL;

    (*env)->DeleteLocalRef(env, local);
    return global;
}

bool jvm_message_class(JNIEnv *env, const char *name, struct jvm_message *ret)
{
    struct sbuf signature = SBUF_INIT(300);

    ret->class = jvm_class(env, name);
    if (ret->class != NULL) {
        sbuf_fmt(&signature, "([B)L%s;", name);
        ret->parse = (*env)->GetStaticMethodID(env, ret->class, "parseFrom", signature.p);
        sbuf_done(&signature);
    }
    return ret->class != NULL && ret->parse != NULL;
}

void jvm_message_done(JNIEnv *env, struct jvm_message *m)
{
    if (m->class != NULL)
        (*env)->DeleteGlobalRef(env, m->class);
    m->class = NULL;
}

/* --- to Java ------------------------------------------------------------------------------------------- */

jbyteArray jvm_bytes(JNIEnv *env, struct str bytes)
{
    jbyteArray array = (*env)->NewByteArray(env, (jsize)bytes.n);

    if (array != NULL && bytes.n != 0)
        (*env)->SetByteArrayRegion(env, array, 0, (jsize)bytes.n, (const jbyte *)bytes.p);
    return array;
}

jobject jvm_parse(JNIEnv *env, const struct jvm_message *m, struct str bytes)
{
    jbyteArray array = jvm_bytes(env, bytes);
    jobject message = array != NULL ? (*env)->CallStaticObjectMethod(env, m->class, m->parse, array) : NULL;

    (*env)->DeleteLocalRef(env, array);
    return (*env)->ExceptionCheck(env) ? NULL : message;
}

jobject jvm_parse_id(JNIEnv *env, const struct jvm_message *m, struct str id)
{
    struct sbuf b = SBUF_INIT(id.n + 16);
    jobject message;

    wire_put_bytes(&b, 1, id);
    message = jvm_parse(env, m, sbuf_view(&b));
    sbuf_done(&b);
    return message;
}

jstring jvm_string(JNIEnv *env, const char *utf8)
{
    jclass class = (*env)->FindClass(env, "java/lang/String");
    jmethodID make = class != NULL ? (*env)->GetMethodID(env, class, "<init>", "([BLjava/lang/String;)V") : NULL;
    jbyteArray bytes = make != NULL ? jvm_bytes(env, str_of(utf8)) : NULL;
    jstring charset = bytes != NULL ? (*env)->NewStringUTF(env, "UTF-8") : NULL;
    jstring text = charset != NULL ? (*env)->NewObject(env, class, make, bytes, charset) : NULL;

    (*env)->DeleteLocalRef(env, charset);
    (*env)->DeleteLocalRef(env, bytes);
    (*env)->DeleteLocalRef(env, class);
    return text;
}

/* --- from Java ----------------------------------------------------------------------------------------- */

void jvm_throw(JNIEnv *env, const char *class, const char *text)
{
    jclass c = (*env)->FindClass(env, class);

    if (c != NULL)
        (void)(*env)->ThrowNew(env, c, text);
    (*env)->DeleteLocalRef(env, c);
}

static bool is_null(JNIEnv *env, jobject o, const char *what)
{
    if (o == NULL)
        jvm_throw(env, "java/lang/NullPointerException", what);
    return o == NULL;
}

static bool add_array(JNIEnv *env, struct sbuf *b, jbyteArray array)
{
    jsize n = (*env)->GetArrayLength(env, array);
    char *room = sbuf_room(b, (size_t)n);

    if (room == NULL && n != 0) {
        jvm_throw(env, "java/lang/IllegalArgumentException", "the messages of one call are over 64 MiB");
        return false;
    }
    if (n != 0) {
        (*env)->GetByteArrayRegion(env, array, 0, n, (jbyte *)room);
        sbuf_grew(b, (size_t)n);
    }
    return true;
}

/* What a method of object without arguments, or with one, gives. */
static jobject call(JNIEnv *env, jobject object, const char *name, const char *signature, jobject argument)
{
    jclass class = (*env)->GetObjectClass(env, object);
    jmethodID method = (*env)->GetMethodID(env, class, name, signature);
    jobject result = method != NULL ? (*env)->CallObjectMethod(env, object, method, argument) : NULL;

    (*env)->DeleteLocalRef(env, class);
    if ((*env)->ExceptionCheck(env)) {
        (*env)->DeleteLocalRef(env, result);
        return NULL;
    }
    return result;
}

bool jvm_add_message(JNIEnv *env, struct sbuf *b, jobject message, const char *what)
{
    jbyteArray array;
    bool ok;

    if (is_null(env, message, what))
        return false;
    array = call(env, message, "toByteArray", "()[B", NULL);
    if (array == NULL)
        return false;
    ok = add_array(env, b, array);
    (*env)->DeleteLocalRef(env, array);
    return ok;
}

bool jvm_put_message(JNIEnv *env, struct sbuf *b, uint32_t number, jobject message, const char *what)
{
    size_t mark = wire_open(b, number);
    bool ok = jvm_add_message(env, b, message, what);

    wire_close(b, mark);
    return ok;
}

bool jvm_add_string(JNIEnv *env, struct sbuf *b, jstring text, const char *what)
{
    jstring charset;
    jbyteArray array;
    bool ok;

    if (is_null(env, text, what))
        return false;
    charset = (*env)->NewStringUTF(env, "UTF-8");
    array = charset != NULL ? call(env, text, "getBytes", "(Ljava/lang/String;)[B", charset) : NULL;
    ok = array != NULL && add_array(env, b, array);
    (*env)->DeleteLocalRef(env, array);
    (*env)->DeleteLocalRef(env, charset);
    return ok;
}

static bool put_string(JNIEnv *env, struct sbuf *b, uint32_t number, jobject text, const char *what)
{
    size_t mark = wire_open(b, number);
    bool ok = jvm_add_string(env, b, text, what);

    wire_close(b, mark);
    return ok;
}

static bool put_each(JNIEnv *env, struct sbuf *b, uint32_t number, jobject collection, const char *what,
                     bool (*put)(JNIEnv *, struct sbuf *, uint32_t, jobject, const char *))
{
    jobjectArray array;
    bool ok = true;

    if (is_null(env, collection, what))
        return false;
    array = call(env, collection, "toArray", "()[Ljava/lang/Object;", NULL);
    if (array == NULL)
        return false;
    for (jsize i = 0, n = (*env)->GetArrayLength(env, array); ok && i < n; i++) {
        jobject element = (*env)->GetObjectArrayElement(env, array, i);

        ok = put(env, b, number, element, what);
        (*env)->DeleteLocalRef(env, element);
    }
    (*env)->DeleteLocalRef(env, array);
    return ok;
}

bool jvm_put_messages(JNIEnv *env, struct sbuf *b, uint32_t number, jobject collection, const char *what)
{
    return put_each(env, b, number, collection, what, jvm_put_message);
}

bool jvm_put_strings(JNIEnv *env, struct sbuf *b, uint32_t number, jobject collection, const char *what)
{
    return put_each(env, b, number, collection, what, put_string);
}

bool jvm_add_bytes(JNIEnv *env, struct sbuf *b, jbyteArray bytes, const char *what)
{
    return !is_null(env, bytes, what) && add_array(env, b, bytes);
}

bool jvm_put_bytes(JNIEnv *env, struct sbuf *b, uint32_t number, jbyteArray bytes, const char *what)
{
    size_t mark = wire_open(b, number);
    bool ok = jvm_add_bytes(env, b, bytes, what);

    wire_close(b, mark);
    return ok;
}

bool jvm_field(JNIEnv *env, jobject object, const char *name, const char *signature, jobject *ret)
{
    jclass class = (*env)->GetObjectClass(env, object);
    jfieldID field = (*env)->GetFieldID(env, class, name, signature);

    (*env)->DeleteLocalRef(env, class);
    *ret = NULL;
    if (field == NULL)
        (*env)->ExceptionClear(env);
    else
        *ret = (*env)->GetObjectField(env, object, field);
    return !(*env)->ExceptionCheck(env);
}

jobject jvm_status(JNIEnv *env, int number)
{
    jclass class = (*env)->ExceptionCheck(env) ? NULL : (*env)->FindClass(env, "org/apache/mesos/Protos$Status");
    jmethodID value = class != NULL
                          ? (*env)->GetStaticMethodID(env, class, "valueOf", "(I)Lorg/apache/mesos/Protos$Status;")
                          : NULL;
    jobject status = value != NULL ? (*env)->CallStaticObjectMethod(env, class, value, (jint)number) : NULL;

    (*env)->DeleteLocalRef(env, class);
    return status;
}

bool jvm_caught(JNIEnv *env)
{
    if (!(*env)->ExceptionCheck(env))
        return false;
    (*env)->ExceptionDescribe(env);
    (*env)->ExceptionClear(env);
    return true;
}
