"""What prune_schema keeps of Shopify's Admin schema: root fields, interfaces, and per object type its fields.

`*` keeps every field whose type is kept. Inputs and enums reached from here are kept whole, because a field that
Shopify accepts must not be refused here. The choice follows the SDL sections of the facts that the code relies on.
"""

QUERIES = """
    shop currentAppInstallation publicApiVersions node nodes job
    location locations locationByIdentifier locationsCount
    inventoryItem inventoryItems inventoryLevel inventoryProperties
    product products productsCount productByIdentifier productOperation
    productVariant productVariants productVariantsCount productVariantByIdentifier
    collection collections collectionsCount collectionByIdentifier publications
    page pages blog blogs article articles
    order orders ordersCount orderByIdentifier draftOrder draftOrders draftOrdersCount
    customer customers customersCount customerByIdentifier
    fulfillment fulfillmentOrder fulfillmentOrders refund return metafieldDefinition metafieldDefinitions files
    metaobject metaobjectByHandle metaobjects
    metaobjectDefinition metaobjectDefinitionByType metaobjectDefinitions
    webhookSubscription webhookSubscriptions webhookSubscriptionsCount
    bulkOperation bulkOperations currentBulkOperation
"""

MUTATIONS = """
    inventorySetQuantities inventoryAdjustQuantities inventoryMoveQuantities inventoryActivate inventoryDeactivate
    inventoryBulkToggleActivation inventoryItemUpdate
    webhookSubscriptionCreate webhookSubscriptionUpdate webhookSubscriptionDelete
    bulkOperationRunQuery bulkOperationRunMutation bulkOperationCancel stagedUploadsCreate
    orderCreate orderUpdate orderCancel orderClose orderDelete orderMarkAsPaid orderCreateManualPayment refundCreate
    orderEditBegin orderEditSetQuantity orderEditAddVariant orderEditAddCustomItem orderEditAddLineItemDiscount
    orderEditRemoveDiscount orderEditCommit returnCreate returnProcess returnClose
    fulfillmentCreate fulfillmentCancel fulfillmentTrackingInfoUpdate fulfillmentOrderMove
    draftOrderCreate draftOrderUpdate draftOrderComplete draftOrderDelete draftOrderInvoiceSend tagsAdd tagsRemove
    productSet productCreate productUpdate productDelete productOptionsCreate
    productVariantsBulkCreate productVariantsBulkUpdate productVariantsBulkDelete
    publishablePublish publishableUnpublish fileCreate fileUpdate fileDelete
    metafieldsSet metafieldsDelete metafieldDefinitionCreate
    metaobjectCreate metaobjectUpdate metaobjectDelete
    metaobjectDefinitionCreate metaobjectDefinitionUpdate standardMetaobjectDefinitionEnable
    collectionCreate collectionUpdate collectionDelete
    collectionAddProducts collectionAddProductsV2 collectionRemoveProducts collectionReorderProducts
    pageCreate pageUpdate pageDelete blogCreate blogUpdate blogDelete articleCreate articleUpdate articleDelete
"""

MEDIA = "alt id mediaContentType mediaErrors preview status"
FILE = "alt createdAt fileErrors fileStatus id preview updatedAt"
INCLUDING = """
    ProductTag ProductTitle ProductType ProductVendor ProductStatus ProductCategory
    VariantTitle VariantPrice VariantCompareAtPrice VariantInventory VariantWeight MetafieldString
"""
EXCLUDING = "Collection ProductCategory ProductTag ProductType ProductVendor"
DISCOUNT = "allocationMethod index targetSelection targetType value"
CALCULATED_DISCOUNT = "allocationMethod appliedTo description id targetSelection targetType value"

STAGED = "AddCustomItem AddLineItemDiscount AddVariant DecrementItem IncrementItem"

# Interfaces listed here stay interfaces; every other one is dropped from its implementers.
INTERFACES = {
    "Node": "id",
    "LegacyInteroperability": "legacyResourceId",
    "HasMetafields": "metafield metafields",
    "DisplayableError": "field message",
    "Publishable": "publishedOnPublication resourcePublicationsV2",
    "Media": MEDIA,
    "File": FILE,
    "DiscountApplication": DISCOUNT,
    "CalculatedDiscountApplication": CALCULATED_DISCOUNT,
    "CollectionSource": "description id title",
    "CollectionSourceInclusionCondition": "id",
    "CollectionSourceExclusionCondition": "id",
    "ProductOperation": "product status",
    "ReturnLineItemType": "id processableQuantity processedQuantity quantity refundableQuantity refundedQuantity "
    "returnReason returnReasonNote unprocessedQuantity",
}

# Officially MediaImage deprecates fields that this interface does not deprecate: GraphQL forbids that (graphql-core
# refuses the whole schema), so it does not implement it here.
NOT_IMPLEMENTED = {("MediaImage", "HasMetafields")}

UNIONS = ["PricingValue", "WebhookSubscriptionEndpoint", "OrderStagedChange"]

OBJECTS = {
    # the shop and the app
    "Shop": (
        "contactEmail createdAt currencyCode email enabledPresentmentCurrencies ianaTimezone id metafield "
        "metafields myshopifyDomain name plan primaryDomain taxesIncluded timezoneAbbreviation timezoneOffset "
        "updatedAt url weightUnit"
    ),
    "ShopPlan": "displayName partnerDevelopment publicDisplayName shopifyPlus",
    "Domain": "host id sslEnabled url",
    "AppInstallation": "accessScopes app id launchUrl metafield metafields uninstallUrl",
    "App": "apiKey developerName embedded handle id requestedAccessScopes title webhookApiVersion",
    "AccessScope": "*",
    "ApiVersion": "*",
    "Count": "*",
    "Job": "done id",
    "StaffMember": "active email exists firstName id lastName locale name",
    "Attribute": "*",
    "MoneyV2": "*",
    "MoneyBag": "*",
    "EditableProperty": "*",
    "Weight": "*",
    "Metafield": (
        "compareDigest createdAt id jsonValue key legacyResourceId namespace owner ownerType sizeInBytes type "
        "updatedAt value"
    ),
    "MetafieldDefinition": (
        "description id key metafieldsCount name namespace ownerType type validationStatus validations"
    ),
    "MetafieldDefinitionValidation": "*",
    "MetafieldDefinitionType": "category name",
    "Metaobject": "capabilities createdAt definition displayName field fields handle id type updatedAt",
    "MetaobjectField": "definition jsonValue key type value",
    "MetaobjectCapabilityData": "publishable",
    "MetaobjectCapabilityDataPublishable": "*",
    "MetaobjectDefinition": (
        "access capabilities createdAt description displayNameKey fieldDefinitions id metaobjectsCount name type "
        "updatedAt"
    ),
    "MetaobjectAccess": "*",
    "MetaobjectCapabilities": "publishable translatable",
    "MetaobjectCapabilitiesPublishable": "*",
    "MetaobjectCapabilitiesTranslatable": "*",
    "MetaobjectFieldDefinition": "description key name required type validations",
    "MetafieldIdentifier": "*",
    # locations and stock
    "Location": (
        "activatable address createdAt deactivatable deactivatedAt fulfillmentService fulfillsOnlineOrders "
        "hasActiveInventory hasUnfulfilledOrders id inventoryLevel inventoryLevels isActive "
        "isFulfillmentService isPrimary legacyResourceId metafield metafields name shipsInventory updatedAt"
    ),
    "LocationAddress": "*",
    "FulfillmentService": (
        "callbackUrl handle id inventoryManagement location requiresShippingMethod serviceName trackingSupport type"
    ),
    "InventoryItem": (
        "countryCodeOfOrigin createdAt duplicateSkuCount harmonizedSystemCode id inventoryHistoryUrl "
        "inventoryLevel inventoryLevels legacyResourceId locationsCount measurement provinceCodeOfOrigin "
        "requiresShipping sku tracked trackedEditable unitCost updatedAt variant variants"
    ),
    "InventoryItemMeasurement": "*",
    "InventoryLevel": (
        "canDeactivate createdAt deactivationAlert id isActive item location quantities scheduledChanges updatedAt"
    ),
    "InventoryScheduledChange": "*",
    "InventoryQuantity": "*",
    "InventoryAdjustmentGroup": "*",
    "InventoryChange": "*",
    "InventoryProperties": "*",
    "InventoryQuantityName": "*",
    # webhooks and bulk operations
    "WebhookSubscription": "*",
    "WebhookSubscriptionMetafieldIdentifier": "*",
    "WebhookHttpEndpoint": "*",
    "WebhookEventBridgeEndpoint": "*",
    "WebhookPubSubEndpoint": "*",
    "BulkOperation": "*",
    "StagedMediaUploadTarget": "*",
    "StagedUploadParameter": "*",
    # products
    "Product": (
        "bundleComponents category collections createdAt description descriptionHtml featuredMedia handle "
        "hasOnlyDefaultVariant hasOutOfStockVariants hasVariantsThatRequiresComponents id isGiftCard "
        "legacyResourceId media mediaCount metafield metafields onlineStoreUrl options priceRangeV2 "
        "productType publishedAt publishedOnPublication requiresSellingPlan resourcePublicationsV2 seo status "
        "tags templateSuffix title totalInventory tracksInventory updatedAt variants variantsCount vendor"
    ),
    "ProductPriceRangeV2": "*",
    "ProductBundleComponent": "componentProduct componentVariants componentVariantsCount quantity",
    "ProductVariant": (
        "availableForSale barcode compareAtPrice createdAt displayName id inventoryItem inventoryPolicy "
        "inventoryQuantity legacyResourceId media metafield metafields position price product "
        "productVariantComponents publishedOnPublication requiresComponents resourcePublicationsV2 "
        "selectedOptions sellableOnlineQuantity sku taxCode taxable title updatedAt"
    ),
    "ProductVariantComponent": "*",
    "ProductOption": "id linkedMetafield name optionValues position values",
    "ProductOptionValue": "hasVariants id linkedMetafieldValue name",
    "LinkedMetafield": "*",
    "SelectedOption": "name optionValue value",
    "SEO": "*",
    "TaxonomyCategory": "ancestorIds fullName id isArchived isLeaf level name parentId",
    "ProductSetOperation": "*",
    "ProductDeleteOperation": "*",
    "Publication": "autoPublish id name supportsFuturePublishing",
    "ResourcePublicationV2": "*",
    "MediaImage": f"{MEDIA} {FILE} image mimeType",
    "Video": f"{MEDIA} {FILE} duration filename originalSource sources",
    "ExternalVideo": f"{MEDIA} {FILE} embedUrl host originUrl",
    "VideoSource": "*",
    "Model3d": f"{MEDIA} {FILE} filename originalSource sources",
    "Model3dSource": "*",
    "GenericFile": f"{FILE} mimeType originalFileSize url",
    "MediaError": "*",
    "FileError": "*",
    "MediaPreviewImage": "*",
    "Image": "altText height id metafield metafields thumbhash url width",
    # collections and content
    "Collection": (
        "descriptionHtml handle hasProduct id image legacyResourceId metafield metafields products "
        "productsCount publishedOnPublication resourcePublicationsV2 ruleSet seo sortOrder sources "
        "templateSuffix title updatedAt"
    ),
    "CollectionRuleSet": "*",
    "CollectionRule": "column condition relation",
    "CollectionConditionsSource": "description exclusion id inclusion shareable title targetType",
    "CollectionSourceInclusion": "*",
    "CollectionSourceExclusion": "*",
    "CollectionInclusionProductSelection": "*",
    "CollectionExclusionProductSelection": "*",
    **{f"CollectionSourceInclusionCondition{kind}": "*" for kind in INCLUDING.split()},
    **{f"CollectionSourceExclusionCondition{kind}": "*" for kind in EXCLUDING.split()},
    "CollectionSourceInclusionConditionProductCategoryValue": "*",
    "CollectionSourceExclusionConditionProductCategoryValue": "*",
    "CollectionSubCollectionsSource": "description id title",
    "Page": (
        "body bodySummary createdAt defaultCursor handle id isPublished metafield metafields publishedAt "
        "templateSuffix title updatedAt"
    ),
    "Blog": (
        "articles articlesCount commentPolicy createdAt handle id metafield metafields tags templateSuffix "
        "title updatedAt"
    ),
    "Article": (
        "author blog body createdAt handle id image isPublished metafield metafields publishedAt summary tags "
        "templateSuffix title updatedAt"
    ),
    "ArticleAuthor": "*",
    # orders
    "Order": (
        "app billingAddress cancelReason cancellation cancelledAt closed closedAt confirmed createdAt "
        "currencyCode currentSubtotalPriceSet currentTotalPriceSet customAttributes customer "
        "discountApplications discountCode discountCodes displayFinancialStatus displayFulfillmentStatus "
        "edited email fulfillmentOrders fulfillments fullyPaid id legacyResourceId lineItems metafield "
        "metafields name note number phone poNumber presentmentCurrencyCode processedAt refunds "
        "shippingAddress shippingLine shippingLines sourceIdentifier sourceName statusPageUrl "
        "subtotalLineItemsQuantity subtotalPriceSet tags taxLines taxesIncluded test totalDiscountsSet "
        "totalOutstandingSet totalPriceSet totalReceivedSet totalRefundedSet totalShippingPriceSet "
        "totalTaxSet transactions unpaid updatedAt billingAddressMatchesShippingAddress canMarkAsPaid "
        "currentShippingPriceSet currentSubtotalLineItemsQuantity currentTotalDiscountsSet currentTotalDutiesSet "
        "currentTotalTaxSet customerLocale dutiesIncluded netPaymentSet nonFulfillableLineItems "
        "originalTotalDutiesSet originalTotalPriceSet paymentGatewayNames registeredSourceUrl requiresShipping "
        "taxExempt totalRefundedShippingSet totalTipReceivedSet totalWeight merchantEditable merchantEditableErrors "
        "currentTaxLines returnStatus returns retailLocation suggestedRefund"
    ),
    "SuggestedRefund": "amountSet maximumRefundableSet subtotalSet suggestedTransactions totalTaxSet",
    "SuggestedOrderTransaction": "amountSet gateway kind parentTransaction",
    "Return": "closedAt createdAt exchangeLineItems id name order refunds returnLineItems status totalQuantity",
    "ReturnLineItem": (
        "fulfillmentLineItem id processableQuantity processedQuantity quantity refundableQuantity refundedQuantity "
        "returnReason returnReasonNote unprocessedQuantity"
    ),
    "ExchangeLineItem": "id lineItem lineItems processedQuantity quantity unprocessedQuantity variantId",
    "OrderEditSession": "*",
    "CalculatedOrder": (
        "addedDiscountApplications addedLineItems cartDiscountAmountSet committed id lineItems "
        "notificationPreviewTitle originalOrder stagedChanges subtotalLineItemsQuantity subtotalPriceSet taxLines "
        "totalOutstandingSet totalPriceSet"
    ),
    "CalculatedLineItem": (
        "calculatedDiscountAllocations customAttributes discountedUnitPriceSet editableQuantity "
        "editableQuantityBeforeChanges editableSubtotalSet hasStagedLineItemDiscount id originalUnitPriceSet quantity "
        "restockable restocking sku stagedChanges title uneditableSubtotalSet variant variantTitle"
    ),
    "CalculatedDiscountAllocation": "*",
    **{f"Calculated{kind}DiscountApplication": CALCULATED_DISCOUNT for kind in ("Manual", "Automatic")},
    "CalculatedDiscountCodeApplication": f"{CALCULATED_DISCOUNT} code",
    **{f"OrderStagedChange{kind}": "*" for kind in STAGED.split()},
    "OrderApp": "id name",
    "OrderCancellation": "staffNote",
    "OrderCancelJobResult": "*",
    "LineItem": (
        "currentQuantity customAttributes discountAllocations discountedTotalSet "
        "discountedUnitPriceAfterAllDiscountsSet discountedUnitPriceSet fulfillableQuantity id isGiftCard "
        "lineItemGroup name nonFulfillableQuantity originalTotalSet originalUnitPriceSet product quantity "
        "refundableQuantity requiresShipping restockable sku taxLines taxable title totalDiscountSet "
        "unfulfilledQuantity variant variantTitle vendor duties priceAfterAllDiscountsBeforeTaxesSet "
        "unfulfilledDiscountedTotalSet unfulfilledOriginalTotalSet weight"
    ),
    "Duty": "*",
    "LineItemGroup": "*",
    "DiscountAllocation": "allocatedAmountSet discountApplication",
    "AutomaticDiscountApplication": f"{DISCOUNT} title",
    "DiscountCodeApplication": f"{DISCOUNT} code",
    "ManualDiscountApplication": f"{DISCOUNT} description title",
    "ScriptDiscountApplication": f"{DISCOUNT} title",
    "PricingPercentageValue": "*",
    "TaxLine": "channelLiable priceSet rate ratePercentage source title",
    "ShippingLine": (
        "carrierIdentifier code currentDiscountedPriceSet custom discountAllocations discountedPriceSet id "
        "isRemoved originalPriceSet phone shippingRateHandle source taxLines title"
    ),
    "MailingAddress": (
        "address1 address2 city company country countryCode countryCodeV2 firstName formatted id lastName "
        "name phone province provinceCode zip"
    ),
    "Customer": (
        "addressesV2 createdAt defaultAddress defaultEmailAddress defaultPhoneNumber displayName email firstName id "
        "lastName legacyResourceId locale metafield metafields note numberOfOrders phone state tags taxExempt "
        "updatedAt"
    ),
    "CustomerEmailAddress": "emailAddress",
    "CustomerPhoneNumber": "phoneNumber",
    "OrderTransaction": (
        "amountSet authorizationCode createdAt errorCode formattedGateway gateway id kind "
        "manualPaymentGateway order parentTransaction paymentId processedAt receiptJson status test"
    ),
    "Fulfillment": (
        "createdAt deliveredAt displayStatus estimatedDeliveryAt fulfillmentLineItems fulfillmentOrders id "
        "inTransitAt legacyResourceId location name order requiresShipping service status totalQuantity "
        "trackingInfo updatedAt"
    ),
    "FulfillmentLineItem": "discountedTotalSet id lineItem originalTotalSet quantity",
    "FulfillmentTrackingInfo": "*",
    "FulfillmentOrder": (
        "assignedLocation createdAt fulfillAt fulfillmentHolds fulfillments id lineItems locationsForMove order "
        "orderId orderName requestStatus status supportedActions updatedAt"
    ),
    "FulfillmentOrderAssignedLocation": "*",
    "FulfillmentOrderLocationForMove": "location message movable",
    "FulfillmentOrderLineItem": (
        "id inventoryItemId lineItem productTitle remainingQuantity requiresShipping sku totalQuantity "
        "variant variantTitle vendor"
    ),
    "FulfillmentOrderSupportedAction": "*",
    "FulfillmentHold": "id handle reason reasonNotes",
    "Refund": (
        "createdAt id legacyResourceId note order processedAt refundLineItems refundShippingLines "
        "totalRefundedSet transactions updatedAt"
    ),
    "RefundLineItem": "id lineItem location priceSet quantity restockType restocked subtotalSet totalTaxSet",
    "RefundShippingLine": "*",
    "DraftOrder": (
        "appliedDiscount billingAddress completedAt createdAt customAttributes customer email id "
        "invoiceSentAt invoiceUrl legacyResourceId lineItems metafield metafields name note2 order phone "
        "poNumber presentmentCurrencyCode ready reserveInventoryUntil shippingAddress shippingLine status "
        "subtotalPriceSet tags taxExempt taxLines taxesIncluded totalPriceSet totalShippingPriceSet "
        "totalTaxSet updatedAt currencyCode discountCodes lineItemsSubtotalPrice totalDiscountsSet "
        "totalLineItemsPriceSet totalQuantityOfLineItems"
    ),
    "DraftOrderAppliedDiscount": "amountSet description title value valueType",
    "DraftOrderLineItem": (
        "appliedDiscount approximateDiscountedUnitPriceSet custom customAttributes discountedTotalSet id "
        "isGiftCard name originalTotalSet "
        "originalUnitPriceSet originalUnitPriceWithCurrency priceOverride product quantity requiresShipping "
        "sku taxLines taxable title totalDiscountSet uuid variant variantTitle vendor weight"
    ),
}
