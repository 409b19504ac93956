/* Any bytes are a receipt, which is written and read again as it is, or are refused in a sentence. */
#include "registry/receipt.h"
#include "tests/fuzz/fuzz.h"

static void check_receipt(const vb_receipt *r)
{
    check(r->run && r->task && r->dataid && r->capture && r->attempt >= 1);
    check(r->status >= VB_STATUS_SUCCEEDED && r->status <= VB_STATUS_ABORTED);
    check(json_is_object(r->details));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vb_auto(vb_receipt_free) vb_receipt *receipt = NULL, *again = NULL;
    vb_autofree char *first = NULL, *second = NULL;
    vb_auto_error err = VB_ERROR_INIT;
    int r = vb_receipt_read((const char *)data, size, &receipt, &err);

    if (r < 0) {
        check_refused(r, &err);
        return 0;
    }
    check_receipt(receipt);
    first = vb_receipt_write(receipt);
    check(first && !strchr(first, '\n'));
    check(vb_receipt_read(first, strlen(first), &again, &err) == 0);
    second = vb_receipt_write(again);
    check(!strcmp(first, second));
    return 0;
}
