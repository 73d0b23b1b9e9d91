/* The log: text in the image, appended to by any hart, read by the host after the run. */
#include <stdarg.h>

#include "runtime.h"

/* Past the cache, because another hart may have written the length since we last saw it. */
static void log_byte(const header_t *image, char byte)
{
    volatile uint32_t *length = mem_ptr_uncached(image->log_addr);
    volatile char *text = mem_ptr_uncached(image->log_addr + 4);
    uint32_t position = *length;
    if (position < image->log_bytes) {
        text[position] = byte;
        *length = position + 1;
    }
}

static void log_text(const header_t *image, const char *text)
{
    while (*text != 0) {
        log_byte(image, *text++);
    }
}

static void log_number(const header_t *image, uint32_t value, uint32_t base)
{
    char digits[10];
    uint32_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count != 0) {
        log_byte(image, digits[--count]);
    }
}

static void log_argument(const header_t *image, char kind, va_list *arguments)
{
    if (kind == 's') {
        log_text(image, va_arg(*arguments, const char *));
    } else if (kind == 'x' || kind == 'u') {
        log_number(image, va_arg(*arguments, unsigned), kind == 'x' ? 16 : 10);
    } else if (kind == 'd') {
        int value = va_arg(*arguments, int);
        if (value < 0) {
            log_byte(image, '-');
        }
        log_number(image, value < 0 ? 0u - (uint32_t)value : (uint32_t)value, 10);
    }
}

void log_printf(const header_t *image, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    while (!mutex_try(MUTEX_LOG)) {
    }
    for (; *format != 0; format++) {
        if (*format == '%' && format[1] != 0) {
            log_argument(image, *++format, &arguments);
        } else {
            log_byte(image, *format);
        }
    }
    mutex_release(MUTEX_LOG);
    va_end(arguments);
}
