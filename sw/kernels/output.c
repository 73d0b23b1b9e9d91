/* Outputs that are not four aligned words. */
#include "output.h"

void rows_store_part(int8_t *out, uint32_t pitch, uint32_t rows, uint32_t columns)
{
    uint32_t y[4];
    CFU_OUT_ROW(0);
    y[0] = CFU_TAKE();
    CFU_OUT_ROW(1);
    y[1] = CFU_TAKE();
    CFU_OUT_ROW(2);
    y[2] = CFU_TAKE();
    CFU_OUT_ROW(3);
    y[3] = CFU_TAKE();
    for (uint32_t i = 0; i < rows; i++, out += pitch) {
        for (uint32_t n = 0; n < columns; n++) {
            out[n] = (int8_t)byte_of(y[i], n);
        }
    }
}
